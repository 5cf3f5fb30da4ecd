"""The recipe of docs/identity.md for Amazon Cognito, from nothing to tokens that the deployed API takes."""

import base64
import hashlib
import json
import os
import re
from urllib.parse import parse_qs, urlsplit

import boto3
import jwt
import pytest

import gateway
from api import Api, Client, fetch
from stack import PARAMETERS, ROOT, Stack, deploy
from test_walk import an_order, export, listed, recorded

PAGE = "https://page.example/"
USER, PASSWORD = "ann@fabrikam.example", "a-Password-of-16"  # pragma: allowlist secret
# Nothing is served on the emulator's CloudFront.
OF_THE_PAGE = ("PageClientId", "PageScope", "PageSignInOrigins")

RECIPE = (ROOT / "docs/identity.md").read_text().split("\n## Amazon Cognito\n")[1].split("\n## ")[0]


def printed(info):
    """The text of the recipe's block with these words after its fence."""
    return re.search(rf"```{info}\n(.*?)```", RECIPE, re.DOTALL)[1]


@pytest.fixture(scope="module")
def identity(aws):
    """What the template of the recipe creates: its outputs."""
    cloudformation, name = boto3.client("cloudformation"), "activity-log-identity"
    parameters = {"DomainPrefix": "contoso-activity-log", "PageUrl": PAGE}
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(ROOT / "docs/identity/cognito.yaml").read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


@pytest.fixture(scope="module")
def api(aws, identity, work, package):
    """The log, deployed with the recipe's parameters."""
    recipe = dict(line.split(": ", 1) for line in printed("yaml").splitlines())
    recipe = {name: identity.get(name, value) for name, value in recipe.items() if name not in OF_THE_PAGE}
    others = {name: PARAMETERS[name] for name in ("Architecture", "SubscriptionsUrl", "PortalOrigin")}
    deploy(package, work, others | recipe, "cognito-check")
    stack = Stack("cognito-check")
    gateway.complete(stack)
    return Api(stack.outputs["ApiUrl"])


@pytest.fixture(scope="module")
def tokens(identity):
    """Of a user who signs in on the page, with the commands of the recipe and the code flow."""
    attributes = {"email": USER, "email_verified": "true", "name": "Ann Beebe", "custom:partner_id": "fabrikam"}
    create_user(boto3.client("cognito-idp"), identity["UserPoolId"], USER, attributes, ("admin_agent", "sales_agent"))
    return sign_in(identity["PageClientId"], USER)


def create_user(cognito, pool, name, attributes, groups):
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=name,
        UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
    )
    cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
    for group in groups:
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)


def sign_in(client_id, user):
    verifier = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": client_id,
        "redirect_uri": PAGE,
        "response_type": "code",
        "scope": "openid profile",
        "state": "s-1",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    form = post("/login", asked | {"username": user, "password": PASSWORD}, allow_redirects=False)
    [code] = parse_qs(urlsplit(form.headers["location"]).query)["code"]
    grant = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    return post("/oauth2/token", grant | {"client_id": client_id, "redirect_uri": PAGE}).json()


def post(path, form, **more):
    answer = fetch("POST", os.environ["AWS_ENDPOINT_URL"] + path, data=form, **more)
    assert answer.status_code < 400, answer.text
    return answer


@pytest.fixture(scope="module")
def back_end(api, identity):
    client = boto3.client("cognito-idp").describe_user_pool_client(
        UserPoolId=identity["UserPoolId"], ClientId=identity["BackEndClientId"]
    )["UserPoolClient"]
    grant = {"grant_type": "client_credentials", "scope": "activity-log/platform_recorder"}
    answer = post("/oauth2/token", grant, auth=(client["ClientId"], client["ClientSecret"]))
    return Client(api, answer.json()["access_token"])


@pytest.fixture(scope="module")
def ann(api, tokens):
    return Client(api, tokens["access_token"])


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_the_tokens_have_the_claims_that_the_recipe_prints(ann, back_end):
    for client, info in ((ann, "json user"), (back_end, "json back-end")):
        sample, found = json.loads(printed(info)), claims(client.token)
        assert sample.keys() <= found.keys()
        assert "aud" not in found
        for name in ("partner_id", "roles", "name", "scope", "token_use"):
            assert found.get(name) == sample.get(name)


def test_the_back_end_records_and_the_user_lists_and_exports(ann, back_end):
    order = recorded(back_end, an_order(partner_id="fabrikam"))
    assert [item["id"] for item in listed(ann)] == [order["id"]]
    assert recording(ann) == 403
    assert back_end.get("/v1/activities").status_code == 403
    export(ann)
    [actor] = [item["actor"] for item in listed(ann) if item["action"] == "export_activity_log"]
    assert actor == {"id": claims(ann.token)["sub"], "name": "Ann Beebe", "kind": "user"}


def recording(client):
    return client.post("/v1/activities", an_order(partner_id="fabrikam")).status_code


def test_an_identity_token_gives_no_rights(api, tokens):
    assert claims(tokens["id_token"])["partner_id"] == "fabrikam"
    assert Client(api, tokens["id_token"]).get("/v1/activities").status_code == 403


def test_a_user_without_a_partner_is_told_so(api, identity):
    cognito, name = boto3.client("cognito-idp"), "bob@fabrikam.example"
    attributes = {"email": name, "email_verified": "true", "name": "Bob"}
    create_user(cognito, identity["UserPoolId"], name, attributes, ("admin_agent",))
    bob = Client(api, sign_in(identity["PageClientId"], name)["access_token"])
    answer = bob.get("/v1/activities")
    assert (answer.status_code, answer.json()["detail"]) == (403, "the token names no partner")


def test_a_client_that_the_parameters_leave_out_is_refused(api, identity):
    pool, cognito = identity["UserPoolId"], boto3.client("cognito-idp")
    other = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="other",
        GenerateSecret=True,
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=["activity-log/platform_recorder"],
    )["UserPoolClient"]
    grant = {"grant_type": "client_credentials", "scope": "activity-log/platform_recorder"}
    answer = post("/oauth2/token", grant, auth=(other["ClientId"], other["ClientSecret"]))
    assert recording(Client(api, answer.json()["access_token"])) == 401


def test_signing_out_returns_to_the_page(identity):
    """With the parameters that the page sends: portal/src/session.ts."""
    asked = {"client_id": identity["PageClientId"], "logout_uri": PAGE, "post_logout_redirect_uri": PAGE}
    url = os.environ["AWS_ENDPOINT_URL"] + "/logout"
    answer = fetch("GET", url, params=asked, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, PAGE)
