"""What is answered without the model: its API's description and the page to try it."""
