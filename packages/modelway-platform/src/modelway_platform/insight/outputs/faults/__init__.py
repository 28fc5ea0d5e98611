"""Why an output cannot send, in words: what libraries and receivers say becomes why it is and what to do about it."""
