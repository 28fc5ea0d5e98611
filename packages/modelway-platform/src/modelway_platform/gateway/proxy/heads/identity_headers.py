"""Header names by which somebody could pass for somebody else: taken from callers, whoever they are."""

# What proxies and identity services in front of applications set for them to believe.
IDENTITY_HEADERS = frozenset(
    {
        b"authorization",
        b"x-api-key",
        b"api-key",
        b"apikey",
        b"remote-user",
        b"x-remote-user",
        b"x-user",
        b"x-user-id",
        b"x-webauth-user",
        b"x-forwarded-user",
        b"x-forwarded-email",
        b"x-forwarded-groups",
        b"x-forwarded-preferred-username",
        b"x-forwarded-access-token",
        b"x-forwarded-consumer",
        b"x-forwarded-client-cert",
        b"x-jwt-payload",
        b"x-endpoint-api-userinfo",
    }
)
IDENTITY_PREFIXES = (
    b"modelway-",
    b"x-modelway-",
    b"x-consumer-",
    b"x-auth-request-",
    b"x-authenticated-",
    b"x-goog-authenticated-",
)
# A wish about one's own request, which passes as it is: a model server takes it from anybody.
CALLERS_OWN = frozenset({b"modelway-priority"})


def claims_identity(name: bytes) -> bool:
    """Whether `name` (lower case, hyphens for underscores) is one of them."""
    return name in IDENTITY_HEADERS or (name.startswith(IDENTITY_PREFIXES) and name not in CALLERS_OWN)
