"""Messages of proto/grpc/reflection/v1alpha/reflection.proto, made by scripts/generate_protos.py; in a pool of their own, beside anybody else's copy."""

from google.protobuf import descriptor_pool, message_factory

_POOL = descriptor_pool.DescriptorPool()
DESCRIPTOR = _POOL.AddSerializedFile(
    b'\n(grpc/reflection/v1alpha/reflection.proto\x12\x17grpc'
    b'.reflection.v1alpha"\xf8\x02\n\x17ServerReflectionRequest\x12'
    b'\x12\n\x04host\x18\x01 \x01(\tR\x04host\x12*\n\x10file_by_filename\x18\x03 \x01(\tH\x00R'
    b'\x0efileByFilename\x126\n\x16file_containing_symbol\x18\x04 \x01(\tH'
    b'\x00R\x14fileContainingSymbol\x12g\n\x19file_containing_exten'
    b'sion\x18\x05 \x01(\x0b2).grpc.reflection.v1alpha.ExtensionRe'
    b'questH\x00R\x17fileContainingExtension\x12B\n\x1dall_extensio'
    b'n_numbers_of_type\x18\x06 \x01(\tH\x00R\x19allExtensionNumbersOf'
    b'Type\x12%\n\rlist_services\x18\x07 \x01(\tH\x00R\x0clistServicesB\x11\n\x0fm'
    b'essage_request"f\n\x10ExtensionRequest\x12\'\n\x0fcontaining'
    b'_type\x18\x01 \x01(\tR\x0econtainingType\x12)\n\x10extension_number\x18'
    b'\x02 \x01(\x05R\x0fextensionNumber"\xc7\x04\n\x18ServerReflectionRespo'
    b'nse\x12\x1d\n\nvalid_host\x18\x01 \x01(\tR\tvalidHost\x12[\n\x10original_r'
    b'equest\x18\x02 \x01(\x0b20.grpc.reflection.v1alpha.ServerRef'
    b'lectionRequestR\x0foriginalRequest\x12k\n\x18file_descript'
    b'or_response\x18\x04 \x01(\x0b2/.grpc.reflection.v1alpha.File'
    b'DescriptorResponseH\x00R\x16fileDescriptorResponse\x12w\n\x1e'
    b'all_extension_numbers_response\x18\x05 \x01(\x0b20.grpc.refl'
    b'ection.v1alpha.ExtensionNumberResponseH\x00R\x1ballExt'
    b'ensionNumbersResponse\x12d\n\x16list_services_response\x18'
    b'\x06 \x01(\x0b2,.grpc.reflection.v1alpha.ListServiceRespo'
    b'nseH\x00R\x14listServicesResponse\x12O\n\x0eerror_response\x18\x07 '
    b'\x01(\x0b2&.grpc.reflection.v1alpha.ErrorResponseH\x00R\re'
    b'rrorResponseB\x12\n\x10message_response"L\n\x16FileDescript'
    b'orResponse\x122\n\x15file_descriptor_proto\x18\x01 \x03(\x0cR\x13fileD'
    b'escriptorProto"j\n\x17ExtensionNumberResponse\x12$\n\x0ebas'
    b'e_type_name\x18\x01 \x01(\tR\x0cbaseTypeName\x12)\n\x10extension_num'
    b'ber\x18\x02 \x03(\x05R\x0fextensionNumber"Y\n\x13ListServiceRespons'
    b'e\x12B\n\x07service\x18\x01 \x03(\x0b2(.grpc.reflection.v1alpha.Ser'
    b'viceResponseR\x07service"%\n\x0fServiceResponse\x12\x12\n\x04name'
    b'\x18\x01 \x01(\tR\x04name"S\n\rErrorResponse\x12\x1d\n\nerror_code\x18\x01 \x01('
    b'\x05R\terrorCode\x12#\n\rerror_message\x18\x02 \x01(\tR\x0cerrorMessag'
    b'e2\x93\x01\n\x10ServerReflection\x12\x7f\n\x14ServerReflectionInfo\x120'
    b'.grpc.reflection.v1alpha.ServerReflectionRequest'
    b'\x1a1.grpc.reflection.v1alpha.ServerReflectionRespo'
    b'nse(\x010\x01b\x06proto3'
)
ServerReflectionRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerReflectionRequest"])
ExtensionRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ExtensionRequest"])
ServerReflectionResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerReflectionResponse"])
FileDescriptorResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["FileDescriptorResponse"])
ExtensionNumberResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ExtensionNumberResponse"])
ListServiceResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ListServiceResponse"])
ServiceResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServiceResponse"])
ErrorResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ErrorResponse"])
