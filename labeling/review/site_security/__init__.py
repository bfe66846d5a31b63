"""Protect the sites on this machine: one concern a module; `labeling.review.local_site` joins them.

headers: a Content-Security-Policy and `nosniff` on every response, plain words where the app fails
errors: errors in plain text that repeat nothing of the request
owner_token: only who has the start address is answered
request_bodies: limits on the size and the time of a request's body
same_origin: another site's page cannot send forms
server: uvicorn, with a limit on the time that a request's headers may take
"""
