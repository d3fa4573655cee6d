from django.contrib.admin.apps import AdminConfig


class DeskConfig(AdminConfig):
    """The admin of Django, with our desk as its site."""

    default_site = "web.desk.site.DeskSite"
