using Btx.LoadTests.Doors;

namespace Btx.LoadTests.PeerDoors;

/// <summary>
/// The way into a peer's process. It generates greedily and past the end-of-text token
/// whatever a request says, and has one model: routing is
/// not read. A token's time is the peer's own reading of the clock that this program reads too, so nothing on the way counts against it.
/// </summary>
internal sealed class PeerDoor(PeerProcess peer, string name) : IDoor
{
    public string Name => name;

    public Task<ServedModel> DescribeAsync(CancellationToken cancellation) =>
        Task.FromResult(new ServedModel([new(name, "")], null, peer.Description.Context, peer.Description.Precision));

    public Task<DoorAnswer> GenerateAsync(DoorRequest request, TokenArrivals arrivals, CancellationToken cancellation) =>
        peer.GenerateAsync(request, arrivals, cancellation);

    public ValueTask DisposeAsync() => peer.DisposeAsync();
}
