"""Model processes: the model runs in processes of its own, tensors go there and back through shared memory."""
