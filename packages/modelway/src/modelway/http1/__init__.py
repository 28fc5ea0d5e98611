"""The HTTP/1.1 engine under the model server and the gateway."""
