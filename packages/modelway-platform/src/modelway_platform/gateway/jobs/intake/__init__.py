"""What the jobs process is asked: to take new jobs in, and how those of a caller stand."""
