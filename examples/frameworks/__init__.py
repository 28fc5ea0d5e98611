"""One project per framework: the same digits (and, for Transformers, short texts), each opened by its loader."""
