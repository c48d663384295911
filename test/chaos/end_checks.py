"""What must be true of the nodes: who was shut out gets nothing (G11), presence is the truth (G13), memory and open files stay
within bounds (G10)."""
ALLOWED_AFTER_REMOVAL = 5.0  # seconds (P9)
MOST_MEMORY = 300 << 20
SPARE_FILES = 16  # connections to the database and to Redis that open and close as they are needed


def check_access(history, removals, verdict):
    for user, conversation, when in removals:
        late = [e for e in history if e["what"] == "recv" and e["user"] == user and e["conversation"] == conversation
                and e["t"] > when + ALLOWED_AFTER_REMOVAL]
        if late:
            verdict.add("unauthorized", f"{user} got seq {late[0]['seq']} {late[0]['t'] - when:.1f} s after its access had ended")


def wrong_in_presence(said, online, offline):
    """The users whom a node shows as what they are not."""
    return sorted([user for user in online if not said.get(user)] + [user for user in offline if said.get(user)])


def check_presence(presence, online, offline, verdict):
    for node, said in enumerate(presence):
        for user in wrong_in_presence(said, online, offline):
            verdict.add("presence-stuck", f"node {node} shows {user} as {'online' if said.get(user) else 'offline'}")


def check_resources(memory, files, verdict):
    for node, most in memory:
        verdict.figures["MiB"] = max(verdict.figures["MiB"], most >> 20)
        if most > MOST_MEMORY:
            verdict.add("mem-unbounded", f"node {node} held {most >> 20} MiB")
    for node, now, idle in files:
        if now > idle + SPARE_FILES:
            verdict.add("fd-leak", f"node {node} has {now} open files beside its clients', and had {idle} when it was idle")
