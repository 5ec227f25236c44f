"""Reads judgements of size: "heart size is normal", "enlarged cardiac silhouette"."""

from cxr_edge.labelers.cues import Cue
from cxr_edge.labelers.scan import Event
from cxr_edge.labelers.scope import Finding, forward_scopes
from cxr_edge.labelers.vocabulary import OTHER
from cxr_edge.labels import Mention

_JUDGEMENT: dict[Cue, Mention] = {
    Cue.NORMAL: Mention.NEGATIVE,
    Cue.ENLARGED: Mention.POSITIVE,
    Cue.PROMINENT: Mention.UNCERTAIN,
    Cue.BORDERLINE: Mention.UNCERTAIN,
}
_AFTERTHOUGHT: dict[Cue | None, Mention] = {
    Cue.DOUBT_BACK: Mention.UNCERTAIN,
    Cue.DENY_BACK: Mention.NEGATIVE,
}
_JOINS = frozenset((Cue.COMMA, Cue.AND, Cue.OR))
_WIDEST_GAP = 24
"""Characters between an adjective and the part it qualifies ("enlarged, globular cardiac")."""


def judge_parts(events: list[Event]) -> list[Finding]:
    """Pair each part of the body with the judgement meant for it.

    A judgement belongs to the parts named before it in the clause, unless it stands directly
    before a part and no verb ties it to the earlier ones. "Stable" without another judgement says
    that nobody looked closer: uncertain, as in the CheXpert labeler.
    """
    found: list[Finding] = []
    scopes = forward_scopes(events)
    pending: list[Event] = []
    verb = stable = False
    carried: Mention | None = None
    carried_from = clause = 0
    for position, event in enumerate(events):
        cue = event.cue
        if cue is None and event.default == Mention.BLANK:
            if carried is not None and event.start - carried_from <= _WIDEST_GAP:
                found.append(_finding(event, carried))
                carried_from = event.stop
            else:
                carried = None
                pending.append(event)
                verb = False
        elif cue is None:
            carried = None
        elif cue in _JUDGEMENT:
            value = _scoped(_JUDGEMENT[cue], scopes[position])
            if pending and (verb or not _part_follows(events, position)):
                found += [_finding(part, value) for part in pending]
                pending, carried = [], None
            elif not pending or _part_follows(events, position):
                carried, carried_from = value, event.stop
        elif cue is Cue.STABLE:
            stable = stable or bool(pending) or _part_follows(events, position)
        elif cue is Cue.VERB:
            verb, carried = True, None
        elif cue is Cue.STOP:
            found += _unjudged(pending, stable)
            pending, carried, verb, stable = [], None, False, False
            clause = len(found)
        elif cue in _AFTERTHOUGHT:
            # "An enlarged cardiac silhouette is suspected."
            found[clause:] = [(part, _AFTERTHOUGHT[cue]) for part, _ in found[clause:]]
            carried = None
        elif cue not in _JOINS:
            carried = None
    return found + _unjudged(pending, stable)


def _scoped(value: Mention, scope: Mention) -> Mention:
    if scope == Mention.BLANK or value == Mention.NEGATIVE:
        return value
    return scope


def _part_follows(events: list[Event], position: int) -> bool:
    if position + 1 >= len(events):
        return False
    following = events[position + 1]
    return (
        following.cue is None
        and following.default == Mention.BLANK
        and following.start - events[position].stop <= _WIDEST_GAP
    )


def _finding(part: Event, value: Mention) -> Finding:
    if part.columns:
        return part, value
    return Event(part.start, part.stop, None, (OTHER,), Mention.POSITIVE), value


def _unjudged(pending: list[Event], stable: bool) -> list[Finding]:
    return [(part, Mention.UNCERTAIN) for part in pending if part.columns] if stable else []
