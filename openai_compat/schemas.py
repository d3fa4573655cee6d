"""The wire shapes we read. Fields that clients send and we do not use are accepted and ignored.

Those that are read are plain pydantic models: ninja's own look at each value twice.
"""

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field

MESSAGES_MOST = 20_000
STOPS_MOST = 64


class ContentPart(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str
    text: str | None = None


class MessageIn(BaseModel):
    """One message. System and developer messages are read, and ignored by characters."""

    model_config = ConfigDict(extra="allow")

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    name: str | None = None

    @property
    def text(self) -> str:
        """The text of the message; of content parts, the text ones."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.text is not None)
        return self.content or ""


class StreamOptions(BaseModel):
    """`include_usage`: true for a last chunk with usage and no choices, as OpenAI sends it; false
    for no usage. Unsaid, usage comes with the chunk that has the finish reason."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool | None = None


class ReverieOptions(BaseModel):
    """Our own extension: which chat to speak in, and whether to outlive the client."""

    model_config = ConfigDict(extra="allow")

    chat_id: str | None = None
    detach: bool | None = None


class ChatCompletionIn(BaseModel):
    model_config = ConfigDict(extra="allow")

    messages: Annotated[list[MessageIn], Field(max_length=MESSAGES_MOST)]
    model: str | None = None
    character_id: str | int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(ge=0, le=1)] = None
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    stop: str | Annotated[list[str], Field(max_length=STOPS_MOST)] | None = None
    presence_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None
    frequency_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None
    seed: int | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    reverie: ReverieOptions | None = None


class FunctionOut(Schema):
    name: str
    arguments: str


class ToolCallOut(Schema):
    id: str
    type: Literal["function"]
    function: FunctionOut


class MessageOut(Schema):
    """A reply. With `tool_calls`, of tools of the client, `content` may be null."""

    role: Literal["assistant"]
    content: str | None
    refusal: None = None
    tool_calls: list[ToolCallOut] | None = None


class ChoiceOut(Schema):
    index: int
    message: MessageOut
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]
    logprobs: None = None


class PromptTokensOut(Schema):
    cached_tokens: int


class UsageOut(Schema):
    """Tokens as the model's server counted them. `estimated` is there, and true, where it did not
    say all of it and we counted the rest."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensOut
    estimated: bool = False


class ChatCompletionOut(Schema):
    """A whole reply. `model` is the language model that wrote it."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChoiceOut]
    usage: UsageOut
    system_fingerprint: None = None


class PricingOut(Schema):
    """Credits per token, as exact decimals. They are no dollars."""

    unit: Literal["credits_per_token"]
    input: str
    output: str


class ModelOut(Schema):
    """What may be named in `model`. `root` is the full id, `parent` a scenario's character.

    Language models also say what they are called, hold, can do and cost.
    """

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    root: str | None = None
    parent: str | None = None
    name: str | None = None
    context_length: int | None = None
    max_output_tokens: int | None = None
    abilities: (
        list[
            Literal[
                "tools", "json_schema", "vision", "completion", "embeddings", "image", "speech",
                "video",
            ]
        ]
        | None
    ) = None  # fmt: skip
    free: bool | None = None
    pricing: PricingOut | None = None


class ModelListOut(Schema):
    object: Literal["list"]
    data: list[ModelOut]


class ErrorBody(Schema):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorOut(Schema):
    error: ErrorBody
