"""Addresses of the pages. They are for ever: guides and bookmarks hold them."""

from django.urls import path
from django.views.generic import RedirectView

from web.views import (
    account,
    characters,
    chats,
    exporting,
    importing,
    intake,
    keys,
    labs,
    landing,
    media,
    messages,
)
from web.views import turns as turn_views

urlpatterns = [
    path("", landing.landing, name="landing"),
    path("sign-in/<str:token>", account.sign_in_by_link, name="sign-in-link"),
    path("favicon.ico", RedirectView.as_view(url="/static/img/favicon.svg")),
    path("media/avatars/<path:name>", media.avatar, name="avatar"),
    path("app", landing.discover, name="discover"),
    path("app/", RedirectView.as_view(pattern_name="discover", query_string=True)),
    # Characters
    path("app/characters", characters.mine, name="characters"),
    path("app/characters/new", characters.create, name="character-new"),
    path("app/characters/tokens", characters.count_tokens, name="character-tokens"),
    path("app/characters/import", importing.import_cards, name="import"),
    path("app/characters/<str:uid>", characters.detail, name="character"),
    path("app/characters/<str:uid>/import", intake.import_chats, name="chats-import"),
    path("app/characters/<str:uid>/edit", characters.edit, name="character-edit"),
    path("app/characters/<str:uid>/trash", characters.trash, name="character-trash"),
    path("app/characters/<str:uid>/restore", characters.restore, name="character-restore"),
    path("app/characters/<str:uid>/scenarios", characters.add_scenario, name="scenario-add"),
    path("app/characters/<str:character_uid>/chat", chats.start, name="chat-start"),
    path("app/scenarios/<str:uid>", characters.change_scenario, name="scenario-change"),
    # Chats
    path("app/chats", chats.index, name="chats"),
    path("app/chats/<str:uid>", chats.page, name="chat"),
    path("app/chats/<str:uid>/log", chats.log, name="chat-log"),
    path("app/chats/<str:uid>/send", turn_views.send, name="chat-send"),
    path("app/chats/<str:uid>/regenerate", turn_views.regenerate, name="chat-regenerate"),
    path("app/chats/<str:uid>/continue", turn_views.go_on, name="chat-continue"),
    path("app/chats/<str:uid>/stop", turn_views.stop, name="chat-stop"),
    path("app/chats/<str:uid>/draft", chats.save_draft, name="chat-draft"),
    path("app/chats/<str:uid>/rename", chats.rename, name="chat-rename"),
    path("app/chats/<str:uid>/model", chats.choose_model, name="chat-model"),
    path("app/chats/<str:uid>/trash", chats.trash, name="chat-trash"),
    path("app/chats/<str:uid>/restore", chats.restore, name="chat-restore"),
    path("app/messages/<str:uid>/edit", messages.editor, name="message-editor"),
    path("app/messages/<str:uid>/save", turn_views.edit, name="message-save"),
    path("app/messages/<str:uid>/version", messages.step_version, name="message-version"),
    path("app/messages/<str:uid>/trash", messages.trash, name="message-trash"),
    path("app/messages/<str:uid>/branch", messages.branch, name="message-branch"),
    path("app/trash/<str:uid>/restore", messages.restore_trash, name="trash-restore"),
    path("app/chats/<str:uid>/export/<str:form>", exporting.export, name="chat-export"),
    path("app/import", intake.import_files, name="import-files"),
    # Oneself and programs
    path("app/labs", labs.labs, name="labs"),
    path("app/labs/models", labs.connect, name="connect"),
    path("app/settings", account.you, name="you"),
    path("app/settings/api-keys", keys.keys, name="api-keys"),
    path("app/settings/api-keys/<str:uid>/revoke", keys.revoke, name="api-key-revoke"),
]
