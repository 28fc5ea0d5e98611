"""Git as the source: follows branches of repositories and makes each good commit the declared state."""
