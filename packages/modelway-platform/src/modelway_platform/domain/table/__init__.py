"""The route table that gateways serve by: compiled from what is declared and observed, checked, cut into parts."""
