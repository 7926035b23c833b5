# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of `synward web` in a browser: a flood shows within 2 s, with what stats says; by
keyboard, by night and on a phone; strangers' words stay text; nothing is asked of anybody else.
Pictures are left in build/pages."""
import contextlib
import json
import socket
import time

import runner
from browser import browser
from lab import Lab, check, check_equal, in_time, wait_until
from web import web
from wire_attacks import FLOODS, find

EVIL = "<script>document.title='taken'</script><img src=x onerror=document.title='taken'>"
CARD = "[data-server='10.77.0.2:%d']"


@contextlib.contextmanager
def shown(lab, *ports):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    with browser(lab) as seen:  # before the rest: it may be skipped
        lab.start(mode="auto")
        lab.pop3(110, greeting=f"+OK {EVIL}")
        lab.learn("pop3", 110)
        for port in ports or (80,):
            lab.http(port)
            lab.learn("http", port)
        with web(lab) as page:
            seen.open(f"{page.url}#{page.token}")
            seen.expect("#headline", "none attacked")
            yield seen, page
        others = [url for url in seen.requests() if not url.startswith((page.url, "data:"))]
        check_equal(others, [], "asked of others")


def check_quiet(seen):
    check_equal(seen.complaints(), [], "the console")


def test_a_flood_shows_within_two_seconds_with_the_figures_of_stats():
    ports = iter((80, 81, 82))
    with Lab() as lab, shown(lab, 80, 81, 82) as (seen, page):

        def attack():
            port = next(ports)
            name, card = f"10.77.0.2:{port}", CARD % port
            flood = lab.start_flood(port, count=40000, rate=20000)
            begun = time.monotonic()
            wait_until(lambda: seen.text(f"{card} .mode") == "attack", 10, f"{name} on the page")
            took = time.monotonic() - begun
            check(seen.text(f"{card} .cause").startswith("half-open "), "the cause")
            check("cookie that has not come back" in seen.text(f"{card} .kept"), "what is kept off")
            flood.finish()
            return took

        took = in_time(2, attack, "showing a flood")
        seen.expect("#headline", "attacked")
        seen.expect("#events", "attack mode")
        check_equal(seen.all("#cards h3")[0].text, "10.77.0.2:80", "who is attacked is the first")
        seen.all(f"{CARD % 80} summary")[0].click()

        def same():
            figures = lab.cli("stats", "10.77.0.2:80")["servers"][0]["figures"]
            rows = seen.script(
                f'return [...document.querySelectorAll("{CARD % 80} .since tr")].map(row =>'
                " [row.querySelector('code').textContent, row.querySelector('td').textContent])"
            )
            wanted = {k: v for k, v in figures.items() if isinstance(v, int)}
            wanted.update({f"refused.{k}": v for k, v in figures["refused"].items()})
            return {name: int(text.replace(",", "")) for name, text in rows} == wanted

        wait_until(same, 10, "the page has the figures of stats")
        seen.expect(f"{CARD % 80} .profile", "http")
        check_quiet(seen)
        return f"{took * 1000:.0f} ms"


def test_each_kind_of_flood_is_named():
    """The server, the cause, and what is kept away, within 2 s of the moment it is protected."""
    said = []
    for name, setting in FLOODS.items():
        with Lab() as lab, shown(lab) as (seen, _):
            if setting:
                lab.cli("profiles", "set", "10.77.0.2:80", setting)
            attack = find(name).make()
            attack.begin(lab)
            wait_until(lambda lab=lab: lab.server_mode(80) == "attack", 20, f"{name}: attack mode")
            begun = time.monotonic()
            cause = next(s["cause"] for s in lab.cli("status")["servers"] if s["port"] == 80)
            wait_until(
                lambda seen=seen, cause=cause: f"10.77.0.2:80 is attacked: {cause}"
                in seen.text("#headline")
                and cause in seen.text(f"{CARD % 80} .cause")
                and seen.all(f"{CARD % 80} .kept tbody tr"),
                20,
                f"{name}: {cause} on the page",
            )
            took = time.monotonic() - begun
            attack.end()
            check(took < 2, f"{name}: the page names it after {took:.1f} s")
            check_quiet(seen)
        said.append(f"{name}: {took * 1000:.0f} ms")
    return "; ".join(said)


def test_words_of_strangers_stay_words():
    with Lab() as lab, shown(lab) as (seen, _):
        with lab.client.inside():
            client = socket.create_connection(("10.77.0.2", 80), timeout=10)
        with client:
            client.sendall(f"{EVIL} / HTTP/1.1\r\nHost: {EVIL}\r\n\r\n".encode())
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
        for port in (110, 80):
            seen.all(f"{CARD % port} summary")[0].click()
        seen.expect(f"{CARD % 110} .profile", "<script>")
        seen.expect(f"{CARD % 80} .rehearsal", "<script>")
        check_equal(seen.driver.title, "synward", "the title")
        check_equal(len(seen.all("main img")) + len(seen.all("main script")), 0, "elements")
        check_quiet(seen)


def test_by_keyboard():
    with Lab() as lab, shown(lab) as (seen, _):
        from selenium.webdriver.common.keys import Keys

        focused = "return document.activeElement"
        seen.press(Keys.TAB)
        check_equal(seen.script(f"{focused}.className"), "skip", "the first stop")
        seen.press(Keys.ENTER)
        check_equal(seen.script(f"{focused}.id"), "servers", "where it leads")
        seen.press(Keys.TAB)
        check_equal(seen.script(f"{focused}.id"), "find", "the next one")
        seen.press("2:80")
        wait_until(lambda: len(seen.all(".card")) == 1, 20, "one server is found")
        seen.press(Keys.TAB)
        check_equal(seen.script(f"{focused}.tagName"), "SUMMARY", "then its card")
        seen.press(Keys.ENTER)
        seen.expect(f"{CARD % 80} .since", "cookies_sent")
        # What has the focus keeps it when the cards change their places.
        seen.script("document.getElementById('find').value = ''")
        lab.flood(110, count=10000)
        wait_until(lambda: seen.text(f"{CARD % 110} .mode") == "attack", 20, "the attack")
        check_equal(seen.script(f"{focused}.tagName"), "SUMMARY", "the focus")
        names = seen.script(
            """
            const named = e => e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') ||
                e.textContent.trim() || e.labels?.length;
            return [...document.querySelectorAll('a,button,input,summary,section,article,' +
                'svg[role],[role=region]')].filter(e => !named(e)).map(e => e.outerHTML);
            """
        )
        check_equal(names, [], "what has no name for a screen reader")
        check_quiet(seen)


def test_an_event_is_told_once():
    """Also by a daemon that begins again, whose events come while the page takes its state."""
    with Lab() as lab, shown(lab) as (seen, page):
        seen.script(
            """
            const real = window.fetch;
            window.fetch = async (url, ...more) => {
                if (String(url) === '/state') await new Promise(done => setTimeout(done, 2000));
                return real(url, ...more);
            };
            """
        )
        lab.stop_daemon()
        seen.expect("#headline", "does not answer")
        lab.start(mode="auto")
        for mode in ("attack", "normal") * 10:
            lab.set_mode(mode, "10.77.0.2:80")
        seen.expect("#headline", "none attacked")

        def shown_events():
            return len(seen.all("#events li"))

        wait_until(lambda: shown_events() >= len(page.state()["events"]), 10, "all are told")
        check_equal(shown_events(), len(page.state()["events"]), "events")
        check(shown_events() > 20, f"{shown_events()} events")


def test_without_a_token_it_asks_for_one():
    with Lab() as lab, shown(lab) as (seen, page):
        seen.script("sessionStorage.clear()")
        seen.open(page.url)
        seen.expect("#headline", "A token is needed")
        seen.press("wrong")
        seen.all("#door button")[0].click()
        seen.expect("#headline", "A token is needed")
        seen.press(page.token)
        seen.all("#door button")[0].click()
        seen.expect("#headline", "none attacked")
        check(page.token not in seen.driver.current_url, "the token is not in the address")


def contrast(seen, selector):
    """Of the text to what is behind it, as WCAG has it."""
    return seen.script(
        """
        const numbers = text => text.match(/[\\d.]+/g).map(Number);
        const light = c => c <= 10 ? c / 255 / 12.92 : ((c / 255 + .055) / 1.055) ** 2.4;
        const bright = c => .2126 * light(c[0]) + .7152 * light(c[1]) + .0722 * light(c[2]);
        const found = document.querySelector(arguments[0]);
        if (!found) return null;
        let behind = found;
        const paper = e => numbers(getComputedStyle(e).backgroundColor);
        while (behind.parentElement && paper(behind)[3] === 0) behind = behind.parentElement;
        const ink = numbers(getComputedStyle(found).color);
        const pair = [bright(ink), bright(paper(behind))];
        return (Math.max(...pair) + .05) / (Math.min(...pair) + .05);
        """.replace(
            "arguments[0]", json.dumps(selector)
        )
    )


def test_pictures_by_day_and_night_wide_and_narrow():
    with Lab() as lab, shown(lab, 80, 81) as (seen, _):
        lab.fetch("http", 81, count=50)
        lab.cli("sources", "add", "198.51.100.0/24", "--for", "600")
        for width in (1280, 390):
            for dark in (False, True):
                seen.look(width, dark)
                seen.picture("calm")
        flood = lab.start_flood(80, count=160000, rate=20000)
        wait_until(lambda: seen.text(f"{CARD % 80} .mode") == "attack", 10, "the attack")
        lab.fetch("http", 80, count=200)
        lab.talkers(80, count=300, say="bittorrent", hold_ms=10)
        seen.expect("#sources", "198.51.100.0/24")
        for opened in (False, True):
            if opened:
                seen.all(f"{CARD % 80} summary")[0].click()
                seen.expect(f"{CARD % 80} .profile", "http")
                seen.expect(f"{CARD % 80} .judged", "judged")
            for width in (1280, 390):
                for dark in (False, True):
                    seen.look(width, dark)
                    wide = seen.script("return document.documentElement.scrollWidth")
                    check(wide <= width, f"the page is {wide} wide, of {width}")
                    inside = seen.script(
                        "const table = document.getElementById('sources');"
                        "return table.offsetWidth <= table.parentElement.clientWidth"
                    )
                    check(inside, f"the sources are wider than their place, at {width}")
                    for what in ("#headline", "dt", "dd", ".mode", ".cause", ".kept th", "summary"):
                        found = contrast(seen, what)
                        check(found >= 4.5, f"contrast of {what}: {found:.1f}, dark: {dark}")
                    seen.picture("opened" if opened else "attack")
        flood.finish()
        check_quiet(seen)


runner.main(globals())
