"""The gateway beside nginx, nginx with Lua, and Envoy; run with `make bench-gateway`."""
