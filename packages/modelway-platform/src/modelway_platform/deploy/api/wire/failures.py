"""Whatever goes wrong in a call as an error that its caller may see; the log gets the rest."""

import logging

from starlette.exceptions import HTTPException

from modelway.errors import InvalidRequestError, ModelwayError, NotFoundError


def as_refusal(error: Exception, request_id: str) -> ModelwayError:
    """The platform's own errors as they are, the web framework's in our words, others as an internal one."""
    match error:
        case ModelwayError():
            if error.http == 500:
                logging.getLogger("modelway.control").error("request %s failed", request_id, exc_info=error)
            return error
        case HTTPException(status_code=404):
            return NotFoundError("there is nothing at this path", hint="see docs/http-api.md")
        case HTTPException(status_code=405):
            return ModelwayError("this path has other methods", hint="see docs/http-api.md", code="method_not_allowed")
        case HTTPException(status_code=status) if status < 500:
            return InvalidRequestError(error.detail)
        case _:
            logging.getLogger("modelway.control").error("request %s failed", request_id, exc_info=error)
            return ModelwayError(
                "the platform made a mistake while answering", hint=f"its log has the details of request {request_id}"
            )
