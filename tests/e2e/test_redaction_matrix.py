"""Every sensitive coordinate, by every way it can leave, for every starter role: never a clear
value where the policy says otherwise. The ways are read from the supergraph, the values lie in real
rows, and the house runs as its user starts it. A new root field has to say here how it is asked, or
this test fails.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from identity.policy.domain.starter import ROLES
from onebox.company import PEOPLE
from tests.e2e.conftest import wait_for
from tests.e2e.planted import USERS, Canary, Planted
from tests.e2e.ways import Way, document, sensitive_outputs, strings, ways
from tests.support.sensitive import supergraph

# Roles of service users, and one that nobody has but in an emergency:
# nobody looks around with them.
SERVICE_ROLES = {"colleague", "provisioner", "sync", "emergency_responder"}
# Writes whose answer comes by the same resolver as another one's;
# asking them would change what is looked for.
LIKE = {
    "updateCustomer": (
        "createCustomer pinField setTags assignOwner claimCustomer addCollaborator "
        "removeCollaborator"
    ),
    "addContact": "updateContact endContact",
    "logFollowUp": (
        "editFollowUp createTask completeTask cancelTask reopenTask reassignTask rescheduleTask"
    ),
    "import": "createImport runImport cancelImport",
    "matchCandidates": "dismissMatchCandidate",
    "installation": (
        "installConnector updateInstallation pauseInstallation resumeInstallation startSync "
        "cancelSync retryDeadLetters"
    ),
    "customers": "addCustomersToProject removeCustomersFromProject",
    "emergencyAccesses": "takeEmergencyAccess endEmergencyAccess reviewEmergencyAccess",
}


@dataclass(frozen=True)
class Filled:
    """How a root field is asked."""

    by_field: Mapping[str, list[str]]

    def of(self, root: str) -> list[str]:
        """The arguments, once or several times; nothing: it takes none."""
        return self.by_field.get(root, [""])


# A field that may not be seen where it must not be null takes its parent along.
REFUSALS = {"FORBIDDEN", "RATE_LIMITED", "NULL_NOT_ALLOWED"}


def filled(planted: Planted) -> Filled:
    rows, things = list(planted.rows.values()), planted.things
    values = [one.text for one in planted.canaries.values()]
    phones = [f'(phone: "{one}")' for one in values if one.startswith("+86")]
    emails = [f'(email: "{one}")' for one in values if "@" in one]
    codes = [f'(unifiedSocialCreditCode: "{one}")' for one in values if one.startswith("9111")]
    pair = f'(ids: ["{planted.rows["left"]}", "{planted.rows["right"]}"]'
    return Filled(
        {
            "customer": [
                *(f'(id: "{id}")' for id in rows),
                *(f'(id: "{id}", asOf: "2100-01-01T00:00:00Z")' for id in rows[:3]),
            ],
            "customers": ["(first: 100)", '(first: 100, filter: { region: ["雀省"] })'],
            "duplicateCheck": [*phones[:4], *emails[:3], *codes[:3]],
            "matchCandidates": ["(first: 100)"],
            "emergencyAccesses": ["(first: 100)"],
            "import": [f'(id: "{things["import"]}")'],
            "imports": ["(first: 100)"],
            "followUp": [f'(id: "{things["followUp"]}")'],
            "task": [f'(id: "{things["task"]}")'],
            "tasks": ["(first: 100)"],
            "myTasks": ["(first: 100)"],
            "sourceRecord": [f'(id: "{things["sourceRecord"]}")'],
            "installation": [f'(id: "{things["installation"]}")'],
            "syncRun": [f'(id: "{things["syncRun"]}")'],
            "syncRuns": ["(first: 100)"],
            "deadLetters": ["(first: 100)"],
            "previewInstallation": [f'(input: {{ installationId: "{things["installation"]}" }})'],
            "updateCustomer": [f'(id: "{id}", set: {{ note: "seen" }})' for id in rows[:2]],
            "addContact": [
                f'(customerId: "{id}", contact: {{ name: "nobody" }})' for id in rows[:1]
            ],
            "logFollowUp": [
                f'(input: {{ customerId: "{id}", channel: CALL, summary: "seen" }})'
                for id in rows[:1]
            ],
            "mergeCustomers": [
                f'{pair}, survivorId: "{planted.rows[side]}", dryRun: true)'
                for side in ("left", "right")
            ],
            "unmerge": [f'(mergeId: "{things["mergeEvent"]}", dryRun: true)'],
        }
    )


def every_way() -> list[Way]:
    return list(ways(supergraph()))


def batches(arguments: list[str], size: int = 40) -> Iterator[list[str]]:
    for start in range(0, len(arguments), size):
        yield arguments[start : start + size]


def asked(planted: Planted, user: str, way: Way, arguments: Filled) -> str:
    """All that comes back, files included."""
    said = []
    for some in batches(arguments.of(way.root)):
        answer = planted.house.ask(document(supergraph(), way, some), who=user)
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert codes <= REFUSALS, (str(way), answer)
        said.append(json.dumps(answer, ensure_ascii=False))
        said += [file for text in strings(answer) if (file := fetched(planted, text))]
        said += [opened for text in strings(answer) if (opened := cursor(text))]
    return "\n".join(said)


def fetched(planted: Planted, text: str) -> str:
    """The file behind an address of the house."""
    if not text.startswith(planted.house.url("customers")):
        return ""
    return requests.get(text, timeout=30).text


def cursor(text: str) -> str:
    """What a cursor holds."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return ""


# ─────────────────────────────────────────────────────────────────────────────────── the matrix


def test_somebody_has_every_starter_role() -> None:
    assert {one.role for one in PEOPLE} | SERVICE_ROLES == {role.name for role in ROLES}


def test_every_sensitive_coordinate_and_every_root_field_takes_part() -> None:
    found = every_way()
    taken = {f"{way.type}.{leaf}" for way in found for leaf in way.leaves}
    visible = {
        f"{type_}.{leaf}"
        for type_, leaves in sensitive_outputs(supergraph()).items()
        for leaf in leaves
    }
    alike = {name for names in LIKE.values() for name in names.split()}

    assert visible == taken
    assert alike.isdisjoint(filled_names())
    unknown = {way.root for way in found} - filled_names() - alike
    assert unknown <= takes_no_argument(), unknown
    assert supergraph().subscription_type is None, (
        "let `ways` subscribe, and canaries change meanwhile"
    )


def filled_names() -> set[str]:
    class Any_(dict[str, str]):
        def __missing__(self, key: str) -> str:
            return key

    class Nothing:
        rows, things, canaries = Any_(left="l", right="r"), Any_(), dict[str, Any]()

    return set(filled(Nothing()).by_field)  # type: ignore[arg-type]  # only names are wanted


def takes_no_argument() -> set[str]:
    schema = supergraph()
    assert schema.query_type is not None
    return {
        name
        for name, field in schema.query_type.fields.items()
        if all(argument.default_value is not None or name for argument in field.args.values())
        and not any(str(argument.type).endswith("!") for argument in field.args.values())
    }


@pytest.mark.parametrize("user", USERS)
def test_no_way_shows_a_role_more_than_the_policy_says(planted: Planted, user: str) -> None:
    arguments = filled(planted)
    forbidden = planted.forbidden(user)
    met: set[str] = set()
    alike = {name for names in LIKE.values() for name in names.split()}
    leaks = []

    for way in every_way():
        if way.root in alike:
            continue
        said = asked(planted, user, way, arguments)
        leaks += [(str(way), one.text) for one in forbidden if one.is_in(said)]
        met |= {one.text for one in planted.canaries.values() if one.is_in(said)}

    assert leaks == []
    # What they may see they did meet, or the ways lead nowhere.
    assert {one.text for one in planted.allowed(user) if one.only is None} <= met | unseen(planted)


def unseen(planted: Planted) -> set[str]:
    """A value of a record that was left aside is met by way of dead letters only,
    by those who may ask."""
    return {text for text, one in planted.canaries.items() if one.ways and one.ways[0][1] is None}


ELSEWHERE = {
    "the ledger": (
        "{ auditEvents(first: 100) { edges { node { changes { field before after } } } } }"
    ),
    "wrong rows": """query { imports(first: 100) { edges { node { errorsUrl
      errors(first: 100) { edges { node {
      column field code message } } } preview { rowNumber outcome errors { message } } } } } }""",
    "why records were left aside": (
        "{ deadLetters(first: 100) { edges { node { reason { message } } } } }"
    ),
    "runs": "{ syncRuns(first: 100) { edges { node { reason { message } } } } }",
}


@pytest.mark.parametrize("user", USERS)
def test_what_is_told_about_values_does_not_tell_them(planted: Planted, user: str) -> None:
    for name, query in ELSEWHERE.items():
        answer = planted.house.ask(query, who=user)
        said = json.dumps(answer, ensure_ascii=False)
        said += "".join(fetched(planted, text) for text in strings(answer))
        assert [one.text for one in planted.forbidden(user) if one.is_in(said)] == [], name


@pytest.mark.parametrize("user", USERS)
def test_a_refusal_does_not_tell_them(planted: Planted, user: str) -> None:
    """Errors about what somebody may not do, or did wrong, hold nothing of the row."""
    writes = [
        """mutation ($id: ID!) { updateCustomer(id: $id, set: { phone: "12" }, expectedVersion: 1) {
             errors { message } } }""",
        (
            'mutation ($id: ID!) { pinField(customerId: $id, field: "phone", claimId: $id) { '
            "errors { message } } }"
        ),
        """mutation ($id: ID!) { addContact(customerId: $id, contact: { mobile: "12" }) {
             errors { message } } }""",
    ]
    for query in writes:
        for id in planted.rows.values():
            said = json.dumps(planted.house.ask(query, {"id": id}, who=user), ensure_ascii=False)
            assert [one.text for one in planted.forbidden(user) if one.is_in(said)] == []


# ────────────────────────────────────────────────────────────────────────────────── by comparing

AT_ONCE = 15
LISTED = """query ($filter: CustomerFilter, $sort: CustomerSort!, $after: String) {
  customers(filter: $filter, sort: $sort, first: 100, after: $after) {
    edges { cursor node { id } } pageInfo { endCursor } totalCount } }"""


@pytest.mark.parametrize("user", USERS)
def test_no_filter_finds_a_customer_by_what_is_hidden(planted: Planted, user: str) -> None:
    """Whole values, their ends and their beginnings, in everything that takes text."""
    schema = supergraph()
    texts = [
        name
        for name, field in schema.type_map["CustomerFilter"].fields.items()  # type: ignore[attr-defined]  # an input
        if str(field.type) in ("String", "[String!]")
    ]
    assert "name" in texts
    for name in texts:
        many = str(schema.type_map["CustomerFilter"].fields[name].type) != "String"  # type: ignore[attr-defined]  # an input
        filters = [
            (one, {name: [guess] if many else guess})
            for one in planted.forbidden(user)
            for plain in [one.text.removeprefix("+86")]
            for guess in (plain, plain[:5], plain[-4:])
        ]
        answers = listed(planted, user, [filter for _, filter in filters])
        for (one, filter), answer in zip(filters, answers, strict=True):
            found = json.dumps(answer)
            assert not [id for _, id in one.ways if id and id in found], (filter, answer)


def listed(planted: Planted, user: str, filters: list[dict[str, Any]]) -> Iterator[Any]:
    """What each filter finds; many in one request, and each alone where one of them is refused."""
    for start in range(0, len(filters), AT_ONCE):
        some = filters[start : start + AT_ONCE]
        variables = {f"f{n}": filter for n, filter in enumerate(some)}
        declared = ", ".join(f"${name}: CustomerFilter" for name in variables)
        fields = " ".join(
            f"{name}: customers(filter: ${name}, sort: NAME_ASC, first: 100) {{"
            " edges { cursor node { id } } pageInfo { endCursor } totalCount }"
            for name in variables
        )
        answer = planted.house.ask(f"query ({declared}) {{ {fields} }}", variables, who=user)
        errors = answer.get("errors", ())
        if not errors:
            yield from (answer["data"][name] for name in variables)
        elif {error["extensions"].get("coordinate") for error in errors} == {"Query.customers"}:
            yield from [answer] * len(some)  # may not ask at all, whatever the filter
        else:
            for filter in some:
                alone = {"filter": filter, "sort": "NAME_ASC"}
                yield planted.house.ask(LISTED, alone, who=user)


@pytest.mark.parametrize("user", USERS)
def test_no_order_and_no_cursor_tells_what_is_hidden(planted: Planted, user: str) -> None:
    """Sorting goes by what everybody who sees the row sees;
    a cursor holds that and nothing else."""
    values = supergraph().type_map["CustomerSort"].values  # type: ignore[attr-defined]  # an enum
    for sort in values:
        answer = planted.house.ask(LISTED, {"sort": sort}, who=user)
        for text in strings(answer):
            opened = cursor(text)
            assert [one.text for one in planted.canaries.values() if one.is_in(opened)] == []


CHECK = """query ($phone: String, $email: String, $name: String) {
  duplicateCheck(phone: $phone, email: $email, name: $name) {
    certain score customer { id } evidence { field agreement } } }"""


@pytest.mark.parametrize("user", USERS)
def test_asking_for_a_duplicate_does_not_tie_a_hidden_value_to_a_row(
    planted: Planted, user: str
) -> None:
    """The right value and a wrong one are answered alike, as far as customers in sight go."""
    for one in planted.forbidden(user):
        kind = "phone" if one.text.startswith("+86") else "email" if "@" in one.text else None
        if kind is None or one.only:
            continue
        answer = planted.house.ask(CHECK, {kind: one.text}, who=user)
        told = (answer.get("data") or {}).get("duplicateCheck") or []
        for found in told:
            assert found["customer"] is None, (one.text, answer)
            assert found["evidence"] == []
            assert found["score"] is None


@pytest.mark.parametrize("user", USERS)
def test_the_score_of_candidates_cannot_be_searched(planted: Planted, user: str) -> None:
    """Whoever does not see all numbers cannot ask for candidates above a score."""
    query = "{ matchCandidates(minScore: 0.5) { edges { node { id evidence { field } } } } }"
    answer = planted.house.ask(query, who=user)

    if any(one.is_in(one.text) for one in planted.forbidden(user) if one.only is None):
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    else:
        assert "errors" not in answer


# ─────────────────────────────────────────────────────────────────────────────────── in a file

REQUEST = """mutation { requestCustomerExport(reason: "looking for leaks", purpose: SERVICE,
  format: CSV, columns: ["name", "phone", "email", "unifiedSocialCreditCode",
  "contact.name", "contact.mobile", "contact.email"]) {
    export { id status } errors { code message } } }"""
APPROVE = "mutation ($id: ID!) { approveCustomerExport(id: $id) { errors { code message } } }"
STATE = "query ($id: ID!) { customerExport(id: $id) { status } }"
DOWNLOAD = "mutation ($id: ID!) { downloadCustomerExport(id: $id) { url errors { code message } } }"


@pytest.mark.parametrize("user", [one for one in USERS if one != "admin"])
def test_a_file_shows_no_more_than_the_screen(planted: Planted, user: str) -> None:
    house = planted.house
    answer = house.ask(REQUEST, who=user)
    if answer.get("errors"):
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        return
    made = answer["data"]["requestCustomerExport"]
    if made["errors"]:  # nothing to take away
        assert {one["code"] for one in made["errors"]} <= {"BAD_INPUT", "NOT_FOUND", "FORBIDDEN"}
        return
    id = made["export"]["id"]
    if made["export"]["status"] == "AWAITING_APPROVAL":
        approved = house.data(APPROVE, {"id": id}, who="admin")["approveCustomerExport"]
        assert approved["errors"] == []

    def ready() -> bool:
        status = house.data(STATE, {"id": id}, who=user)["customerExport"]["status"]
        assert status in ("QUEUED", "RUNNING", "READY"), status
        return bool(status == "READY")

    wait_for(ready, 90, every=0.2)
    url = house.data(DOWNLOAD, {"id": id}, who=user)["downloadCustomerExport"]["url"]
    said = requests.get(url, timeout=60).content.decode()
    plain = re.sub(r"[\s\-()\u200b-\u200f\u2060-\u2064\u00a0]", "", said).lower()

    def stands(one: Canary) -> bool:  # a file has spellings of its own: they are its watermark
        return one.text.removeprefix("+86").lower() in plain

    assert [one.text for one in planted.forbidden(user) if stands(one)] == []
    clear = [one for one in planted.allowed(user) if any(row for _, row in one.ways)]
    assert not clear or any(stands(one) for one in clear)
