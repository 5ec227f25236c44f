"""Decides what each mention of a sentence asserts, from the cues around it."""

from itertools import pairwise

from cxr_edge.labelers.cues import Cue
from cxr_edge.labelers.scan import Event
from cxr_edge.labels import Mention

_ENDS = frozenset((Cue.STOP, Cue.DENY, Cue.VERB))
_WIDEST_ALTERNATIVE = 60
"""Characters that may lie between the two halves of "A or B"."""

Finding = tuple[Event, Mention]
"""A mention and what it asserts."""


def resolve_mentions(events: list[Event]) -> list[Finding]:
    """Give every mention its value: forward cues, then backward cues, then alternatives."""
    values = _forward(events)
    _backward(events, values)
    _alternatives(events, values)
    return [(events[i], value) for i, value in sorted(values.items())]


def forward_scopes(events: list[Event]) -> list[Mention]:
    """The forward scope that reaches each event: NEGATIVE, UNCERTAIN or BLANK."""
    state = _Forward(events)
    scopes: list[Mention] = []
    for position in range(len(events)):
        scopes.append(state.scope)
        state.step(position)
    return scopes


class _Forward:
    """The scope of the forward cues while a sentence is read from left to right."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.scope = Mention.BLANK
        self.used = False
        """Whether the scope has met something to apply to."""
        self.narrow = False
        """Whether it came from an adjective, and ends after the next mention."""

    def open(self, scope: Mention, narrow: bool = False) -> None:
        self.scope, self.used, self.narrow = scope, False, narrow

    def close_if_used(self) -> None:
        if self.used:
            self.open(Mention.BLANK)

    def step(self, position: int) -> None:
        cue = self.events[position].cue
        denied = self.scope == Mention.NEGATIVE
        match cue:
            case None | Cue.GENERIC:
                self.used = self.used or cue is Cue.GENERIC or self._is_mention(position)
            case Cue.DENY:
                self.open(Mention.NEGATIVE)
            case Cue.DOUBT:
                if not denied or self.used:
                    self.open(Mention.UNCERTAIN)
            case Cue.EXPLAIN:
                if not denied:
                    self.open(Mention.UNCERTAIN)
            case Cue.DOUBT_NEXT:
                if not denied or self._is_new_statement(position):
                    self.open(Mention.UNCERTAIN, narrow=True)
            case Cue.DENY_BACK | Cue.DOUBT_BACK:
                if _target(self.events, position) is None:
                    back = cue is Cue.DENY_BACK
                    self.open(Mention.NEGATIVE if back else Mention.UNCERTAIN)
                else:
                    self.close_if_used()
            case Cue.STOP:
                self.open(Mention.BLANK)
            case Cue.WITH | Cue.VERB:
                self.close_if_used()
            case Cue.COMMA | Cue.AND:
                self._connective(position)
            case _:
                pass

    def _is_mention(self, position: int) -> bool:
        return self.events[position].default != Mention.BLANK

    def _is_new_statement(self, position: int) -> bool:
        """After "no pneumothorax," a "possible effusion" is no member of the list."""
        behind_comma = position > 0 and self.events[position - 1].cue in (Cue.COMMA, Cue.AND)
        return self.used and behind_comma and not _is_list(self.events, position)

    def _connective(self, position: int) -> None:
        if not self.used or _is_list(self.events, position):
            return
        if self.scope == Mention.UNCERTAIN:
            if self.narrow or self.events[position].cue is Cue.COMMA:
                self.open(Mention.BLANK)
        elif self.scope == Mention.NEGATIVE:
            following = self.events[position + 1] if position + 1 < len(self.events) else None
            # "No pneumothorax, small left effusion": a thing with a size or a side is there.
            if following is not None and following.cue is Cue.AFFIRM:
                self.open(Mention.BLANK)


def _forward(events: list[Event]) -> dict[int, Mention]:
    return {
        position: event.default if scope == Mention.BLANK else scope
        for position, (event, scope) in enumerate(zip(events, forward_scopes(events), strict=True))
        if event.default != Mention.BLANK
    }


def _is_list(events: list[Event], position: int) -> bool:
    """Whether an "or" follows before the clause ends, so that a comma here joins a list."""
    for event in events[position + 1 :]:
        if event.cue is Cue.OR:
            return True
        if event.cue in _ENDS or event.cue is Cue.WITH:
            return False
    return False


def _target(events: list[Event], position: int) -> int | None:
    """The mention or part just before a backward cue, None if the clause has none."""
    for before in range(position - 1, -1, -1):
        cue = events[before].cue
        if cue is None and (events[before].default != Mention.BLANK or events[before].columns):
            return before
        if cue is Cue.GENERIC:
            return before
        if cue is Cue.STOP:
            return None
    return None


def _backward(events: list[Event], values: dict[int, Mention]) -> None:
    for position, event in enumerate(events):
        if event.cue is Cue.NORMAL:
            _called_normal(events, position, values)
        if event.cue not in (Cue.DENY_BACK, Cue.DOUBT_BACK):
            continue
        value = Mention.NEGATIVE if event.cue is Cue.DENY_BACK else Mention.UNCERTAIN
        joined = False
        for before in range(position - 1, -1, -1):
            cue = events[before].cue
            if before in values:
                if value == Mention.NEGATIVE or values[before] != Mention.NEGATIVE:
                    values[before] = value
                if not _joined_to_earlier(events, before, joined):
                    break
                joined = True
            elif cue in (Cue.STOP, Cue.GENERIC):
                break


def _called_normal(events: list[Event], position: int, values: dict[int, Mention]) -> None:
    """ "Vascular prominence is within normal limits": a sign that is normal is denied."""
    verb = False
    following = events[position + 1] if position + 1 < len(events) else None
    if following is not None and following.cue is None:
        return
    for before in range(position - 1, -1, -1):
        cue = events[before].cue
        if cue is None:
            if verb and events[before].default == Mention.UNCERTAIN:
                values[before] = Mention.NEGATIVE
            return
        if cue in (Cue.STOP, Cue.WITH, Cue.COMMA, Cue.AND):
            return
        verb = verb or cue is Cue.VERB


def _joined_to_earlier(events: list[Event], position: int, joined: bool) -> bool:
    """Whether the mention shares a list ("A, B and C") with the one before it."""
    for event in reversed(events[:position]):
        if event.cue in (Cue.AND, Cue.OR):
            return True
        if event.cue is Cue.COMMA:
            # A comma alone joins only inside a list whose "and" was met further right.
            return joined
        if event.cue not in (None, Cue.AFFIRM) or event.default != Mention.BLANK:
            return False
    return False


def _alternatives(events: list[Event], values: dict[int, Mention]) -> None:
    """ "A or B", "A versus B": neither is certain unless both are denied."""
    positions = sorted(values)
    for first, second in pairwise(positions):
        between = events[first + 1 : second]
        if not any(event.cue is Cue.OR for event in between):
            continue
        if any(event.cue in _ENDS or event.cue is Cue.WITH for event in between):
            continue
        if events[second].start - events[first].stop > _WIDEST_ALTERNATIVE:
            continue
        if Mention.NEGATIVE not in (values[first], values[second]):
            values[first] = values[second] = Mention.UNCERTAIN
