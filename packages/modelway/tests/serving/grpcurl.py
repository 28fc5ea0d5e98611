"""A stand-in for grpcurl where it is not installed: `-d` in JSON by protobuf's own mapping, a real call, the answer as JSON."""

import sys
from typing import Any

import grpc
from google.protobuf import json_format

from modelway.protos.open_inference import ModelInferRequest, ModelInferResponse, ModelStreamInferResponse


def main() -> None:
    """Ask once and print what comes back."""
    arguments = sys.argv[1:]
    assert arguments.pop(0) == "-plaintext"
    metadata: list[tuple[str, str]] = []
    data = ""
    while arguments[0].startswith("-"):
        option, value = arguments.pop(0), arguments.pop(0)
        if option == "-H":
            name, _, text = value.partition(": ")
            metadata.append((name, text))
        else:
            assert option == "-d"
            data = sys.stdin.read() if value == "@" else value
    address, method = arguments
    request = json_format.Parse(data, ModelInferRequest())
    streams = method.endswith("ModelStreamInfer")
    answer_type: Any = ModelStreamInferResponse if streams else ModelInferResponse
    with grpc.insecure_channel(address) as channel:
        made: Any = channel.stream_stream if streams else channel.unary_unary
        call = made(f"/{method}", ModelInferRequest.SerializeToString, answer_type.FromString)
        answers = call(iter([request]), metadata=metadata) if streams else [call(request, metadata=metadata)]
        for answer in answers:
            sys.stdout.write(json_format.MessageToJson(answer) + "\n")


if __name__ == "__main__":
    main()
