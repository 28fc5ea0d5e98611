"""Asynchronous requests: accepted when durable, executed through the gateway, kept until they are fetched."""
