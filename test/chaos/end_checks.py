"""Checks of the nodes at the end of a run: removed and revoked users receive nothing (G11), presence is correct (G13), and memory
and open files are bounded (G10)."""
ALLOWED_AFTER_REMOVAL = 5.0  # seconds (P9)
MOST_MEMORY = 300 << 20
SPARE_FILES = 16  # connections to the database and to Redis that open and close on demand


def check_access(history, removals, verdict):
    for user, conversation, when in removals:
        late = [e for e in history if e["what"] == "recv" and e["user"] == user and e["conversation"] == conversation
                and e["t"] > when + ALLOWED_AFTER_REMOVAL]
        if late:
            verdict.add("unauthorized", f"{user} received seq {late[0]['seq']} {late[0]['t'] - when:.1f} s after the end of its access")


def wrong_presence(shown, online, offline):
    """Returns the users whose presence a node shows wrongly."""
    return sorted([user for user in online if not shown.get(user)] + [user for user in offline if shown.get(user)])


def check_presence(presence, online, offline, verdict):
    for node, shown in enumerate(presence):
        for user in wrong_presence(shown, online, offline):
            verdict.add("presence-stuck", f"node {node} shows {user} as {'online' if shown.get(user) else 'offline'}")


def check_resources(memory, files, verdict):
    for node, most in memory:
        verdict.figures["MiB"] = max(verdict.figures["MiB"], most >> 20)
        if most > MOST_MEMORY:
            verdict.add("mem-unbounded", f"node {node} held {most >> 20} MiB")
    for node, now, idle in files:
        if now > idle + SPARE_FILES:
            verdict.add("fd-leak", f"node {node} has {now} open files without client connections, and had {idle} when idle")
