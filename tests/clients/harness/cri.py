"""The call by which the kubelet has an image pulled: CRI's `ImageService/PullImage`, version 1, over gRPC.

The two messages of it that matter have one string each, so their protobuf is written by hand: `PullImageRequest` is
field 1 `ImageSpec`, of which field 1 is the name (kubernetes/cri-api, `runtime/v1/api.proto`).
"""

from typing import Final

import grpc

from harness.process import COMMAND_SECONDS, Result

_METHOD: Final = "/runtime.v1.ImageService/PullImage"


def pull(socket: str, reference: str) -> Result:
    """Pull an image as the kubelet does; the output is the error that `kubectl describe pod` would show."""
    with grpc.insecure_channel(f"unix://{socket}") as channel:
        call = channel.unary_unary(_METHOD)
        try:
            answer = call(_field(_field(reference.encode())), timeout=COMMAND_SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            return Result(1, str(error.details()))
        return Result(0, answer.decode(errors="replace"))


def _field(content: bytes) -> bytes:
    """Field number 1, of wire type 2: a tag byte, the length as a varint, the content."""
    length, encoded = len(content), bytearray(b"\x0a")
    while length > 0x7F:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    return bytes(encoded) + content
