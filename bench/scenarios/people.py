"""Who people are: names, addresses of all kinds, devices, browsers and cards, as varied as they are and as much alike.

Nothing here is only a cheat's. Data centres also carry VPNs, throw-away mail also has honest readers.
"""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from .calls import Context

_FIRST = """
james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan joseph jessica thomas sarah
chris karen daniel lisa matthew nancy anthony betty mark sandra paul ashley steven kim andrew emily kevin donna brian michelle
asha bikram sita ram gita hari maya suresh anita rajesh priya amit neha rahul pooja sanjay kavita deepak sunita arjun nisha
anna lukas sophie felix laura jonas lena maria paul julia max clara emma noah mia leon hannah elias luca giulia marco chiara
pablo lucia diego carmen javier elena mateo sofia hugo chloe louis manon jules camille ali fatima omar aisha yusuf zainab
mei wei li jing hiroshi yuki kenji sakura min jun soo hye ivan olga dmitri natasha sergei irina piotr agnieszka tomas petra
erik ingrid lars astrid nils freya aoife sean ciara liam kofi ama kwame zuri thabo lindiwe
""".split()
_LAST = """
smith johnson williams brown jones garcia miller davis rodriguez martinez lopez gonzalez wilson anderson taylor moore jackson
martin lee thompson white harris clark lewis robinson walker young allen king wright scott torres nguyen hill green adams nelson
sharma shrestha gurung tamang rai thapa karki adhikari poudel bhattarai singh kumar patel gupta verma reddy nair iyer das
mueller schmidt schneider fischer weber meyer wagner becker schulz hoffmann rossi russo ferrari esposito bianchi
garcia fernandez sanchez perez gomez dubois moreau laurent simon michel leroy khan ahmed hussain malik hassan
wang zhang chen liu yang tanaka suzuki sato watanabe kim park choi ivanov petrov smirnov kowalski nowak novak svoboda
hansen johansson larsson nilsson murphy kelly obrien mensah owusu dlamini nkosi okafor adeyemi
""".split()
_FREE = {
    "gmail.com": 52,
    "yahoo.com": 9,
    "outlook.com": 9,
    "hotmail.com": 8,
    "icloud.com": 7,
    "proton.me": 2,
    "gmx.de": 2,
    "web.de": 2,
    "mail.com": 1,
    "live.com": 2,
    "aol.com": 1,
    "qq.com": 1,
}
_RELAYS = ("privaterelay.appleid.com", "duck.com", "mozmail.com")
DISPOSABLE = (
    "mailinator.com",
    "yopmail.com",
    "guerrillamail.com",
    "10minutemail.com",
    "temp-mail.org",
    "sharklasers.com",
)
_HOMES = """
24.16 24.130 67.160 68.81 71.56 73.15 73.202 76.102 98.207 99.33 108.28 81.97 81.154 82.32 86.9 86.140 90.192 92.16 92.237
79.192 84.56 87.122 91.10 93.192 77.20 78.192 82.64 90.3 109.190 79.20 80.116 151.36 95.232 83.32 88.1 213.60
27.34 36.252 103.10 110.44 113.199 124.41 49.205 59.92 106.51 117.200 122.160 175.45 182.64 202.51
""".split()
_CARRIERS = """
172.56 172.58 166.137 174.192 107.77 82.132 92.40 188.28 80.187 46.114 176.3 37.169 92.184 37.160 151.18 31.4 49.36 106.66
157.32 117.96 27.97 106.192 41.13 197.210 102.89 105.112
""".split()
_WORK = "12.38 50.201 64.60 66.195 96.88 162.245 173.14 198.0 204.15 207.140 195.27 212.36 193.62 217.6 62.154 202.79 203.78".split()
_DATA_CENTRES = """
3.80 3.121 18.130 34.201 34.245 35.176 44.192 52.14 52.59 54.164 34.89 34.141 35.198 35.234 104.131 134.122 138.68 142.93 159.65
167.99 178.62 5.9 49.12 65.108 88.99 95.216 116.202 135.181 51.15 51.77 51.210 54.36 145.239 45.76 45.77 66.42 20.42 20.79 13.80
40.74
""".split()
_LANGUAGES = (
    "en-US,en;q=0.9",
    "en-GB,en;q=0.8",
    "de-DE,de;q=0.9,en;q=0.6",
    "fr-FR,fr;q=0.9",
    "es-ES,es;q=0.8",
    "ne-NP,en;q=0.7",
)
HEADLESS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/{v}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/{v}.0.{p}.0 Safari/537.36",
    "python-requests/2.{m}.0",
    "Go-http-client/2.0",
    "axios/1.{m}.2",
    "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
)


@dataclass(eq=False, slots=True)
class Device:
    """One browser on one machine: the id that the merchant's script gives it, and what it calls itself."""

    id: str
    user_agent: str
    language: str


@dataclass(eq=False, slots=True)
class Person:
    """Somebody with an account at a merchant. ``id`` comes last, when all are put in the order in which they came."""

    app: int
    devices: list[Device]
    ips: list[str]
    """Where he is seen, each as likely as the others."""
    email: str | None
    phone: str | None
    card: str | None
    country: str
    first: str = ""
    last: str = ""
    id: str = ""
    seen_at: datetime | None = None
    is_silent: bool = False
    """His merchant passes nothing of him."""
    extra: dict = field(default_factory=dict)

    def context(self, rng: Random, *, paying: bool = False, landing: str | None = None) -> Context | None:
        """As his merchant sees him at a call: the card only where he pays, or is paid: who refers has one on file."""
        if self.is_silent:
            return None
        device = rng.choice(self.devices)
        return Context(
            ip=rng.choice(self.ips),
            user_agent=device.user_agent,
            accept_language=device.language,
            country=self.country,
            landing_url=landing,
            device_id=device.id,
            email=self.email,
            phone=self.phone,
            payment_fingerprint=self.card if paying else None,
        )


def uuid(rng: Random) -> str:
    bits = f"{rng.getrandbits(128):032x}"
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}"


class Registry:
    """Makes people of one world; the same random numbers make the same people."""

    def __init__(self, rng: Random):
        self.rng = rng
        self._emails: set[str] = set()
        self._offices: set[str] = set()

    # --- addresses on the network -------------------------------------------------------------------------------------
    def _ip(self, prefixes) -> str:
        rng = self.rng
        return f"{rng.choice(prefixes)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"

    def home_ip(self) -> str:
        return self._ip(_HOMES)

    def carrier_ip(self) -> str:
        return self._ip(_CARRIERS)

    def office_ip(self) -> str:
        return self._ip(_WORK)

    def hosting_ip(self) -> str:
        return self._ip(_DATA_CENTRES)

    # --- machines -----------------------------------------------------------------------------------------------------
    def device(self, user_agent: str | None = None, language: str | None = None) -> Device:
        rng = self.rng
        id = f"{rng.getrandbits(128):032x}" if rng.random() < 0.6 else uuid(rng)
        return Device(id, user_agent or self.user_agent(), language or rng.choice(_LANGUAGES))

    def user_agent(self) -> str:
        rng = self.rng
        chrome = rng.choice((136, 137, 137, 138, 138, 138, 139, 139, 140))
        kind = rng.random()
        if kind < 0.30:
            v = rng.choice(("17_5", "17_6_1", "18_1", "18_3_2", "18_5"))
            return (
                f"Mozilla/5.0 (iPhone; CPU iPhone OS {v} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                f"Version/{v.split('_')[0]}.{v.split('_')[1]} Mobile/15E148 Safari/604.1"
            )
        if kind < 0.58:
            model = rng.choice(("SM-S911B", "SM-A546B", "Pixel 8", "Pixel 7a", "M2101K6G", "CPH2387", "K", "K", "K"))
            return (
                f"Mozilla/5.0 (Linux; Android {rng.choice((10, 13, 14, 15))}; {model}) AppleWebKit/537.36 (KHTML, like Gecko) "
                f"Chrome/{chrome}.0.0.0 Mobile Safari/537.36"
            )
        if kind < 0.82:
            return (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                f"Chrome/{chrome}.0.0.0 Safari/537.36{f' Edg/{chrome}.0.0.0' if rng.random() < 0.25 else ''}"
            )
        if kind < 0.92:
            return (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                f"Version/{rng.choice(('17.6', '18.3', '18.5'))} Safari/605.1.15"
            )
        v = rng.choice((128, 138, 139, 140))
        return f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0"

    def headless(self) -> str:
        rng = self.rng
        return rng.choice(HEADLESS).format(v=rng.randint(118, 140), p=rng.randint(1000, 7000), m=rng.randint(20, 32))

    # --- letters ------------------------------------------------------------------------------------------------------
    def name(self) -> tuple[str, str]:
        # some names are common and most are not
        rng = self.rng
        return (
            _FIRST[int(len(_FIRST) * rng.random() ** 1.5)],
            _LAST[int(len(_LAST) * rng.random() ** 1.5)],
        )

    def domain(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.80:
            return rng.choices(list(_FREE), list(_FREE.values()))[0]
        if kind < 0.84:
            return rng.choice(_RELAYS)
        if kind < 0.845:
            return rng.choice(DISPOSABLE)
        return self.company()

    def company(self) -> str:
        rng = self.rng
        trade = rng.choice(("works", "labs", "group", "tech", "studio", "trade"))
        number = rng.choice(("", "", str(rng.randint(2, 99))))
        suffix = rng.choice(("com", "com", "co", "io", "de", "com.np"))
        return f"{rng.choice(_LAST)}{rng.choice(('', '-', ''))}{trade}{number}.{suffix}"

    def email(self, first: str, last: str, domain: str | None = None) -> str:
        """One that nobody has yet."""
        rng = self.rng
        domain = domain or self.domain()
        for attempt in range(50):
            if domain in _RELAYS:
                local = "".join(rng.choice("abcdefghjkmnpqrstvwxyz0123456789") for _ in range(rng.randint(8, 10)))
            else:
                style = rng.random()
                if style < 0.35:
                    local = f"{first}.{last}"
                elif style < 0.50:
                    local = f"{first}{last}"
                elif style < 0.62:
                    local = f"{first[0]}{last}"
                elif style < 0.72:
                    local = f"{first}_{last[0]}"
                elif style < 0.82:
                    local = f"{last}.{first}"
                else:
                    word = rng.choice(("dev", "art", "music", "fit", "x", "travels", "reads"))
                    local = f"{rng.choice(('mr', 'the', 'its', 'real', ''))}{first}{word}"
                if rng.random() < 0.45 or attempt:
                    local += str(rng.choice((rng.randint(1, 99), rng.randint(1960, 2010), rng.randint(100, 9999))))
            address = f"{local}@{domain}"
            # one mailbox is one person's, however it is written
            mailbox = address if domain != "gmail.com" else f"{local.replace('.', '')}@{domain}"
            if mailbox not in self._emails and address not in self._emails:
                self._emails |= {mailbox, address}
                return address
        raise AssertionError("no free address")

    def take(self, address: str) -> str:
        """Notes that this address is somebody's."""
        self._emails.add(address)
        return address

    def phone(self) -> str:
        rng = self.rng
        return rng.choice(("+1{:03d}{:07d}", "+44{:03d}{:07d}", "+49{:03d}{:07d}", "+977{:03d}{:07d}")).format(
            rng.randint(200, 989), rng.randint(0, 9_999_999)
        )

    def card(self) -> str:
        return f"{self.rng.getrandbits(96):024x}"

    # --- people -------------------------------------------------------------------------------------------------------
    def person(self, app: int, country: str = "US", **given) -> Person:
        """Somebody with a machine or two, a home and a carrier, mostly with a card and sometimes with a phone number."""
        rng = self.rng
        first, last = given.pop("name", None) or self.name()
        devices = given.pop("devices", None) or [self.device() for _ in range(rng.choice((1, 1, 1, 2)))]
        ips = given.pop("ips", None)
        if ips is None:
            home = self.home_ip()
            ips = [home, home, self.carrier_ip()] if rng.random() < 0.5 else [home]
        return Person(
            app=app,
            devices=devices,
            ips=ips,
            email=given.pop("email", None) or self.email(first, last, given.pop("domain", None)),
            phone=given.pop("phone", None) or (self.phone() if rng.random() < 0.4 else None),
            card=given.pop("card", None) or (self.card() if rng.random() < 0.9 else None),
            country=country,
            first=first,
            last=last,
            **given,
        )
