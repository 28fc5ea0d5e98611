"""Documents of all kinds: read, compared, admitted as a change of the declared state, written as JSON."""
