"""The skills page of a gateway with many skills: a short guide, then one line for each skill."""

from typing import Any

from ductile.describe.skills import skills
from ductile.describe.skills_page import (
    base_url_paragraph,
    inline_code,
    one_line,
    quoted_states,
    skill_sections,
    skills_page,
)
from ductile.model.job import ENDED_STATES, State
from ductile.model.snapshot import Snapshot

Json = dict[str, Any]

MAX_SECTIONS_BYTES = 3_000
"""Bytes of sections up to which a page has a section for each skill; a longer page has a line for each."""
MAX_ABOUT_CHARACTERS = 40
"""Characters of a skill's description in its line."""

INDEX_HEADER = """\
# Ductile Gateway: skills

Each skill is one HTTP call that becomes a durable job.

{base}- **Find**: `GET /skills?q=WORDS&format=markdown` shows the skills that have these words, with their parameters.
- **Read**: `GET /skills/NAME?format=markdown` shows one skill.
- **Authenticate**: send `Authorization: Bearer <token>` with every call. This page needs no token.
- **Call**: `POST` to the endpoint of the skill, with the body `{"payload": {…}}` and the header `Prefer: wait=30`.
  `200` is the ended job. `202` is a job that goes on: `GET /job/{job_id}?wait=30` until `status` is one of
  {ended}.
- **Understand**: `status: "succeeded"`: the answer is `result.result`. Any other end: `last_error` says why.
- **Errors** have `error`, `message` and `details`; `message` says what to do. 400: mend the body. 401, 403: use another
  token. 404: use another name. 503: wait as many seconds as `Retry-After` says, then send the same call again.

## Skills
"""


def skill_index(snapshot: Snapshot) -> str:
    """A page with a section for each skill where that is short, otherwise with a line for each."""
    found = skills(snapshot)["skills"]
    sections = "\n".join(section for _, section in skill_sections(snapshot))
    if len(sections.encode()) <= MAX_SECTIONS_BYTES:
        return skills_page(snapshot)
    ended = quoted_states(state for state in State if state in ENDED_STATES)
    how = INDEX_HEADER.replace("{ended}", ended).replace("{base}", base_url_paragraph(snapshot))
    return "\n".join([how, *map(skill_line, found), ""])


def skill_line(skill: Json) -> str:
    """A skill's name, tier and beginning of its description; for a pipeline, the event that starts it."""
    name = f"- {inline_code(one_line(skill['name']))}"
    if skill["kind"] == "pipeline":
        return f"{name}: started by {inline_code(skill['trigger'])} too" if skill["trigger"] else name
    about = one_line(skill["description"])
    if len(about) > MAX_ABOUT_CHARACTERS:
        about = f"{about[:MAX_ABOUT_CHARACTERS]}…"
    return f"{name} ({skill['tier']}){f': {about}' if about else ''}"


def matches(skill: Json, query: str) -> bool:
    """Whether the skill's name or description has every word of the query, in any case."""
    text = f"{skill['name']} {skill.get('description', '')} {skill.get('trigger') or ''}".casefold()
    return all(word in text for word in query.casefold().split())


def search_skills(snapshot: Snapshot, query: str) -> Json:
    """`{skills: […]}`: the skills that have every word of the query."""
    return {"skills": [skill for skill in skills(snapshot)["skills"] if matches(skill, query)]}


def search_page(snapshot: Snapshot, query: str) -> str:
    """A page of the skills that have every word of the query: sections where that is short, otherwise lines."""
    found = search_skills(snapshot, query)["skills"]
    if not found:
        return f"No skill has the words {inline_code(query)}. `GET /skills?format=markdown` lists every skill.\n"
    names = {skill["name"] for skill in found}
    sections = "\n".join(section for name, section in skill_sections(snapshot) if name in names)
    if len(sections.encode()) <= MAX_SECTIONS_BYTES:
        return sections
    how = "`GET /skills/NAME?format=markdown` shows one skill with its parameters."
    return "\n".join([how, "", *map(skill_line, found), ""])


def skill_document(snapshot: Snapshot, name: str) -> Json:
    """One skill of the list. Raises KeyError for an unknown name."""
    found: dict[str, Json] = {skill["name"]: skill for skill in skills(snapshot)["skills"]}
    return found[name]


def skill_section(snapshot: Snapshot, name: str) -> str:
    """The section of one skill. Raises KeyError for an unknown name."""
    return dict(skill_sections(snapshot))[name]
