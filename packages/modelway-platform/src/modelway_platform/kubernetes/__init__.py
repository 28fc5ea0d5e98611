"""The API of a Kubernetes cluster, as a client needs it: who is asked and as whom, calls, and watches."""
