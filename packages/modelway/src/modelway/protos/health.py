"""Messages of proto/grpc/health/v1/health.proto, made by scripts/generate_protos.py; in a pool of their own, beside anybody else's copy."""

from google.protobuf import descriptor_pool, message_factory

_POOL = descriptor_pool.DescriptorPool()
DESCRIPTOR = _POOL.AddSerializedFile(
    b'\n\x1bgrpc/health/v1/health.proto\x12\x0egrpc.health.v1".\n'
    b'\x12HealthCheckRequest\x12\x18\n\x07service\x18\x01 \x01(\tR\x07service"\xb1\x01'
    b'\n\x13HealthCheckResponse\x12I\n\x06status\x18\x01 \x01(\x0e21.grpc.hea'
    b'lth.v1.HealthCheckResponse.ServingStatusR\x06status'
    b'"O\n\rServingStatus\x12\x0b\n\x07UNKNOWN\x10\x00\x12\x0b\n\x07SERVING\x10\x01\x12\x0f\n\x0bN'
    b'OT_SERVING\x10\x02\x12\x13\n\x0fSERVICE_UNKNOWN\x10\x032\xae\x01\n\x06Health\x12P\n\x05'
    b'Check\x12".grpc.health.v1.HealthCheckRequest\x1a#.grpc'
    b'.health.v1.HealthCheckResponse\x12R\n\x05Watch\x12".grpc.h'
    b'ealth.v1.HealthCheckRequest\x1a#.grpc.health.v1.Hea'
    b'lthCheckResponse0\x01b\x06proto3'
)
HealthCheckRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["HealthCheckRequest"])
HealthCheckResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["HealthCheckResponse"])
