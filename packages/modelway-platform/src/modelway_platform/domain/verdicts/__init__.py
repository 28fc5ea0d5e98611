"""What requests say of two versions, at any time and with stated error; and rollouts that move weights by it."""
