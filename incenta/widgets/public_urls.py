"""What any page may load."""

from django.urls import path

from .script import widgets_js

urlpatterns = [path("widgets.js", widgets_js, name="widgets_js")]
