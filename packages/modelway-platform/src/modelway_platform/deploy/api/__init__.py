"""The control API over HTTP: documents in, what is declared and observed out."""
