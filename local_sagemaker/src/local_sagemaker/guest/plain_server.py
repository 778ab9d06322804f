"""A plain server: AWS's handler behind a few lines of Starlette, for machines without Java.

Same handler, same two addresses as the real one, one request at a time; what it lacks is the real server's queue and
its recovery of crashed workers, so the cloud restarts it whole.
"""

import sys
import threading

import uvicorn
from mms.context import Context, RequestProcessor
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from local_sagemaker.guest.handler import HandlerService


def application(model_dir: str) -> Starlette:
    """Load the model and return the application that serves it."""
    context = Context("model", model_dir, None, 1, None, "1.0")
    service, one_at_a_time = HandlerService(), threading.Lock()
    service.initialize(context)

    def predict(body, headers):
        with one_at_a_time:
            reply = RequestProcessor(headers)
            context.request_processor = [reply]
            content = service.handle([{"body": body}], context)[0]
            return Response(content, reply.get_response_status_code(), reply.get_response_headers())

    async def invocations(request):
        return await run_in_threadpool(predict, await request.body(), dict(request.headers))

    async def ping(request):
        return Response("{}")

    return Starlette(routes=[Route("/invocations", invocations, methods=["POST"]), Route("/ping", ping)])


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), uds=sys.argv[2], log_level="warning")
