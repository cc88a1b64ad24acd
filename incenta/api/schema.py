"""The API's description, OpenAPI 3.1, made from the views once a process."""

from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema
from rest_framework.response import Response

from incenta.api.views import ApiView


class AutoSchema(SpectacularAutoSchema):
    pass


class OpenApiView(ApiView):
    public = True
    schema = None

    def get(self, request):
        from drf_spectacular.generators import SchemaGenerator

        return Response(SchemaGenerator().get_schema(request=None, public=True))
