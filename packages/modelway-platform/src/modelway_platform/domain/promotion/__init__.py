"""The way of a deployment through the stages of its project: gates, approvals, phases that wait."""
