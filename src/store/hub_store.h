// The parts of the store that a home shard and a hub use.
#pragma once
#include "store/activity_store.h"
#include "store/change_store.h"
#include "store/head_store.h"

namespace parley {

class HomeStore : public ChangeStore, public HeadStore {};
// A hub has a home shard and sockets.
class HubStore : public HomeStore, public ActivityStore {};

}  // namespace parley
