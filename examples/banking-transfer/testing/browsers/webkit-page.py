"""One page of WebKitGTK, told what to do by lines of JSON on its standard input: it answers each by one on its output.

Arguments: the folder of its profile, and its width in pixels. WebKitGTK's own driver does not answer
any more after a page has come back from the back-forward cache.
"""

import json
import sys

import gi

for name in ("Gdk", "Gtk"):
    gi.require_version(name, "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gio, GLib, Gtk, WebKit2  # noqa: E402

profile, width = sys.argv[1], int(sys.argv[2])

data = WebKit2.WebsiteDataManager(base_data_directory=profile, base_cache_directory=profile)
context = WebKit2.WebContext(website_data_manager=data)
context.set_cache_model(WebKit2.CacheModel.WEB_BROWSER)
cookies = context.get_cookie_manager()
cookies.set_persistent_storage(profile + "/cookies", WebKit2.CookiePersistentStorage.TEXT)
settings = WebKit2.Settings(enable_page_cache=True)
view = WebKit2.WebView(web_context=context, settings=settings)
window = Gtk.Window(decorated=False)
window.set_default_size(width, 800)
window.add(view)
window.show_all()
window.connect("destroy", Gtk.main_quit)


def answer(id, **what):
    print(json.dumps({"id": id, **what}), flush=True)


def evaluated(id, result):
    try:
        value = view.call_async_javascript_function_finish(result)
        answer(id, value=value.to_string())
    except GLib.Error as error:
        answer(id, error=error.message)


def obey(order):
    id, kind = order["id"], order["do"]
    if kind == "evaluate":
        body = order["body"]
        return view.call_async_javascript_function(body, -1, None, None, None, None, lambda _v, r: evaluated(id, r))
    if kind == "before":
        view.get_user_content_manager().add_script(
            WebKit2.UserScript(
                order["script"],
                WebKit2.UserContentInjectedFrames.TOP_FRAME,
                WebKit2.UserScriptInjectionTime.START,
            )
        )
    elif kind == "open":
        view.load_uri(order["url"])
    elif kind == "back":
        view.go_back()
    elif kind == "forward":
        view.go_forward()
    answer(id)


def read(stream, result):
    line, _length = stream.read_line_finish_utf8(result)
    if line is None:
        return Gtk.main_quit()
    order = json.loads(line)
    try:
        obey(order)
    except Exception as error:
        answer(order["id"], error=repr(error))
    stream.read_line_async(GLib.PRIORITY_DEFAULT, None, read)


orders = Gio.DataInputStream.new(Gio.UnixInputStream.new(0, False))
orders.read_line_async(GLib.PRIORITY_DEFAULT, None, read)
Gtk.main()
