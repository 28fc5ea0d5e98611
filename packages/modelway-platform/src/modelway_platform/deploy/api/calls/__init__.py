"""The methods of the control API, a module per service."""
