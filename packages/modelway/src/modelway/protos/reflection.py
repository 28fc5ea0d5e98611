"""Messages of proto/grpc/reflection/v1/reflection.proto, made by scripts/generate_protos.py; in a pool of their own, beside anybody else's copy."""

from google.protobuf import descriptor_pool, message_factory

_POOL = descriptor_pool.DescriptorPool()
DESCRIPTOR = _POOL.AddSerializedFile(
    b'\n#grpc/reflection/v1/reflection.proto\x12\x12grpc.refl'
    b'ection.v1"\xf3\x02\n\x17ServerReflectionRequest\x12\x12\n\x04host\x18\x01 '
    b'\x01(\tR\x04host\x12*\n\x10file_by_filename\x18\x03 \x01(\tH\x00R\x0efileByFil'
    b'ename\x126\n\x16file_containing_symbol\x18\x04 \x01(\tH\x00R\x14fileCon'
    b'tainingSymbol\x12b\n\x19file_containing_extension\x18\x05 \x01(\x0b'
    b'2$.grpc.reflection.v1.ExtensionRequestH\x00R\x17fileCo'
    b'ntainingExtension\x12B\n\x1dall_extension_numbers_of_ty'
    b'pe\x18\x06 \x01(\tH\x00R\x19allExtensionNumbersOfType\x12%\n\rlist_se'
    b'rvices\x18\x07 \x01(\tH\x00R\x0clistServicesB\x11\n\x0fmessage_request"'
    b"f\n\x10ExtensionRequest\x12'\n\x0fcontaining_type\x18\x01 \x01(\tR\x0eco"
    b'ntainingType\x12)\n\x10extension_number\x18\x02 \x01(\x05R\x0fextensio'
    b'nNumber"\xae\x04\n\x18ServerReflectionResponse\x12\x1d\n\nvalid_ho'
    b'st\x18\x01 \x01(\tR\tvalidHost\x12V\n\x10original_request\x18\x02 \x01(\x0b2+.'
    b'grpc.reflection.v1.ServerReflectionRequestR\x0forig'
    b'inalRequest\x12f\n\x18file_descriptor_response\x18\x04 \x01(\x0b2*.'
    b'grpc.reflection.v1.FileDescriptorResponseH\x00R\x16fil'
    b'eDescriptorResponse\x12r\n\x1eall_extension_numbers_res'
    b'ponse\x18\x05 \x01(\x0b2+.grpc.reflection.v1.ExtensionNumber'
    b'ResponseH\x00R\x1ballExtensionNumbersResponse\x12_\n\x16list_'
    b"services_response\x18\x06 \x01(\x0b2'.grpc.reflection.v1.Lis"
    b'tServiceResponseH\x00R\x14listServicesResponse\x12J\n\x0eerro'
    b'r_response\x18\x07 \x01(\x0b2!.grpc.reflection.v1.ErrorRespo'
    b'nseH\x00R\rerrorResponseB\x12\n\x10message_response"L\n\x16File'
    b'DescriptorResponse\x122\n\x15file_descriptor_proto\x18\x01 \x03('
    b'\x0cR\x13fileDescriptorProto"j\n\x17ExtensionNumberRespons'
    b'e\x12$\n\x0ebase_type_name\x18\x01 \x01(\tR\x0cbaseTypeName\x12)\n\x10exten'
    b'sion_number\x18\x02 \x03(\x05R\x0fextensionNumber"T\n\x13ListServic'
    b'eResponse\x12=\n\x07service\x18\x01 \x03(\x0b2#.grpc.reflection.v1.'
    b'ServiceResponseR\x07service"%\n\x0fServiceResponse\x12\x12\n\x04n'
    b'ame\x18\x01 \x01(\tR\x04name"S\n\rErrorResponse\x12\x1d\n\nerror_code\x18\x01'
    b' \x01(\x05R\terrorCode\x12#\n\rerror_message\x18\x02 \x01(\tR\x0cerrorMes'
    b'sage2\x89\x01\n\x10ServerReflection\x12u\n\x14ServerReflectionInf'
    b'o\x12+.grpc.reflection.v1.ServerReflectionRequest\x1a,'
    b'.grpc.reflection.v1.ServerReflectionResponse(\x010\x01'
    b'b\x06proto3'
)
ServerReflectionRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerReflectionRequest"])
ExtensionRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ExtensionRequest"])
ServerReflectionResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerReflectionResponse"])
FileDescriptorResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["FileDescriptorResponse"])
ExtensionNumberResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ExtensionNumberResponse"])
ListServiceResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ListServiceResponse"])
ServiceResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServiceResponse"])
ErrorResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ErrorResponse"])
