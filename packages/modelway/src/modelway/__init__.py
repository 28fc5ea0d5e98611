"""Write one handler class; package it; serve it with the code that runs in production."""
