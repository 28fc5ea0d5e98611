"""How the control process is put together: each module makes the parts of one concern, `parts` all of them."""
