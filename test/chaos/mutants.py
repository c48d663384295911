"""Mutants of Parley: each violates a guarantee by a small change of the source, and names the fault under which the checker
must find it.

./dev mutants builds and runs them; test_chaos.py checks that the changed source lines still exist."""
from dataclasses import dataclass

import faults


@dataclass(frozen=True)
class Mutant:
    name: str
    changes: tuple  # (file, source text that occurs once, its replacement); several if a guarantee has more than one safeguard
    fault: object
    anomalies: tuple  # the checker must find at least one of them


def change(file, old, new):
    return ((file, old, new),)


MUTANTS = (
    Mutant("acks before the database has flushed",
           change("src/store/postgres/pg_connection.cc", "'synchronous_commit', 'on', false", "'synchronous_commit', 'off', false")
           + change("src/store/postgres/pg_connection.cc", "IN ('off', 'local'); ", "IN ('on'); "),
           faults.f6_the_database_is_killed, ("lost", "hole", "seq-fork")),
    Mutant("acks messages that were not committed",
           change("src/store/group_commit_failure.cc", "if (!attempt.failed) return Deliver",
               "if (!attempt.failed || *attempt.failed == Kind::kUnreachable) return Deliver"),
           faults.f8_commits_and_their_answers_are_lost, ("lost", "phantom", "seq-fork")),
    Mutant("reports a lost COMMIT as failed",
           change("src/store/postgres/pg_session.cc", "if (last == asked.batch) return Outcome::kCommitted;",
               "if (last == asked.batch) return Outcome::kRolledBack;"),
           faults.f8_commits_and_their_answers_are_lost, ("nacked-but-stored", "lost")),
    Mutant("reports a COMMIT lost in a crash as stored",
           change("src/store/postgres/pg_session.cc", "if (last == asked.batch) return Outcome::kCommitted;",
               "if (last <= asked.batch) return Outcome::kCommitted;"),
           faults.f6b_the_database_crashes_while_another_client_writes, ("lost", "phantom", "seq-fork")),
    Mutant("broadcasts a message before its commit",
           change("src/hub/home_events.cc", "  store_.InsertMessage(std::move(message), self_,\n",
               """  Message early{.id = message.id, .conversation_id = room.id, .seq = room.log.head() + 1, .sender_id = message.sender_id,
                .content = message.content, .client_id = message.client_id};
  LogStep step;
  if (room.log.known()) room.log.Ingest(MessageEvent(early, Now()), step);
  Perform(room, step);
  store_.InsertMessage(std::move(message), self_,
"""),
           faults.f6_the_database_is_killed, ("phantom", "seq-fork")),
    Mutant("leaves holes in seq",
           change("src/store/sql_messages.cc", "insert.Stored(++head.seq,", "insert.Stored(head.seq += 1 + (head.seq % 7 == 0),"),
           faults.nothing, ("hole", "silent-gap")),
    Mutant("does not store client_id",
           change("src/store/sql_messages.cc", ".Bind(10, message_.client_id);", ".Bind(10, std::optional<std::string>());"),
           faults.f22_everything_is_sent_twice, ("ack-mismatch", "lost")),
    Mutant("does not detect gaps in events from the bus",
           change("src/hub/conversation_log.cc", "  if (event->seq > head_ + 1) {\n", "  if (false) {\n")
           + change("src/hub/feed.h", "    if (event.seq != last_seq_ + 1) return StartFetch();\n", ""),
           faults.f4b_redis_is_flushed_and_its_clients_disconnected, ("silent-gap", "stuck")),
    Mutant("never compares its head with the store",
           change("src/hub/conversation_log.cc", "  if (!known_ || store_head_ <= head_) return;\n", "  return;\n"),
           faults.f4c_the_last_published_event_is_lost, ("failed", "stuck")),
    Mutant("does not detect that the database went back",
           change("src/hub/conversation_log.cc", "  verifying_ = true;\n  step.fetch = LogStep::Fetch::kNow;\n", "  static_cast<void>(step);\n"),
           faults.f33_a_standby_that_lags_takes_over, ("silent-gap", "stuck", "phantom")),
    Mutant("does not resubscribe after a reconnect",
           change("src/bus/redis_subscriber.cc", "for (const Uuid& conversation : followed_) unsent_[conversation] = true;", ""),
           faults.f3_redis_is_killed, ("late", "stuck")),
    Mutant("resumes with an overlap",
           change("src/hub/feed.cc", "  last_seq_ = seq;\n  resuming_ = true;", "  last_seq_ = seq > 0 ? seq - 1 : 0;\n  resuming_ = true;"),
           faults.f24_nodes_are_restarted_one_by_one, ("dup-delivery", "reorder")),
    Mutant("skips one event on resume",
           change("src/hub/feed.cc", "  last_seq_ = seq;\n  resuming_ = true;", "  last_seq_ = seq + 1;\n  resuming_ = true;"),
           faults.f24_nodes_are_restarted_one_by_one, ("silent-gap", "stuck")),
    Mutant("moves read marks back",
           change("src/store/mark_queries.h",
               'SET last_read_seq = free.seq, "',
               'SET last_read_seq = CASE WHEN p.last_read_seq % 3 = 0 THEN p.last_read_seq / 2 ELSE free.seq END, "'),
           faults.nothing, ("mark-went-back",)),
    Mutant("ignores removals that it finds in the store",
           change("src/hub/hub_cluster.cc", "home.home_.OnMemberRemoved(change.conversation, user);", "static_cast<void>(user);"),
           faults.f21_members_are_removed, ("unauthorized", "stuck", "failed")),
    Mutant("never expires a dead node",
           change("src/hub/neighbours.cc", "if (entry.second.until > now) return false;",
               "if (entry.second.until > now || !entry.second.leaving) return false;"),
           faults.f1_a_node_is_killed, ("presence-stuck",)),
)
