class ClusterAwareLoadBalancer:
    loadBalance: str
    refreshListSeconds: int
    failedHostsTTL: int
    def __init__(self, loadBalance: str, refreshInterval: int = 300, failedHostTTL: int = 5) -> None: ...
    @property
    def hostToNumConnMap(self) -> dict[str, int]: ...
    @property
    def hostPortMap(self) -> dict[str, int]: ...
    @property
    def unreachableHosts(self) -> dict[str, float]: ...
    def printHostToConnMap(self) -> None: ...

class TopologyAwareLoadBalancer(ClusterAwareLoadBalancer):
    placements: str
    explicitFallbackOnly: bool
    def __init__(
        self, loadBalance: str, placementvalues: str, refreshInterval: int = 300, failedHostTTL: int = 5,
        explicitFallbackOnly: bool = False,
    ) -> None: ...
