"""The API's routes, authorizer and CORS, by calls.

SAM puts them into the API's body as OpenAPI, which the emulator does not read; AWS does.
They are taken from the body that was deployed, so what SAM makes of the template counts.
"""

import boto3

METHODS = ("get", "post", "put", "delete")


def complete(stack):
    api = HttpApi(stack)
    api.add_cors()
    for path, operations in api.body["paths"].items():
        for method in METHODS & operations.keys():
            api.add_route(f"{method.upper()} {path}", operations[method])


class HttpApi:
    def __init__(self, stack):
        self.stack = stack
        self.client = boto3.client("apigatewayv2")
        self.id = stack.ids["HttpApi"]
        self.body = stack.resources["HttpApi"]["Properties"]["Body"]
        self.authorizers = {}

    def add_cors(self):
        cors = self.stack.resolve(self.body["x-amazon-apigateway-cors"])
        cors = {name[0].upper() + name[1:]: value for name, value in cors.items()}
        self.client.update_api(ApiId=self.id, CorsConfiguration=cors)

    def add_route(self, route, operation):
        integration = self.add_integration(operation["x-amazon-apigateway-integration"])
        self.client.create_route(
            ApiId=self.id,
            RouteKey=route,
            Target=f"integrations/{integration}",
            **self.authorization(operation),
        )

    def add_integration(self, integration):
        return self.client.create_integration(
            ApiId=self.id,
            IntegrationType=integration["type"].upper(),
            IntegrationUri=self.stack.resolve(integration["uri"]),
            IntegrationMethod=integration["httpMethod"],
            PayloadFormatVersion=integration["payloadFormatVersion"],
        )["IntegrationId"]

    def authorization(self, operation):
        """An operation names one scheme; `NONE` is not among the schemes."""
        [[scheme]] = operation["security"]
        if scheme not in self.body["components"]["securitySchemes"]:
            return {"AuthorizationType": "NONE"}
        return {"AuthorizationType": "JWT", "AuthorizerId": self.authorizer(scheme)}

    def authorizer(self, scheme):
        if scheme not in self.authorizers:
            self.authorizers[scheme] = self.add_authorizer(scheme)
        return self.authorizers[scheme]

    def add_authorizer(self, scheme):
        described = self.body["components"]["securitySchemes"][scheme]["x-amazon-apigateway-authorizer"]
        described = self.stack.resolve(described)
        return self.client.create_authorizer(
            ApiId=self.id,
            Name=scheme,
            AuthorizerType=described["type"].upper(),
            IdentitySource=[described["identitySource"]],
            JwtConfiguration={
                "Issuer": described["jwtConfiguration"]["issuer"],
                "Audience": described["jwtConfiguration"]["audience"],
            },
        )["AuthorizerId"]
