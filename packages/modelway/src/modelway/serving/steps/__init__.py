"""Runs the steps of a pipeline: handlers of this process on its model thread, deployed models through the gateway."""
