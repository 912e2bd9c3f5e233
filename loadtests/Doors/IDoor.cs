namespace Btx.LoadTests.Doors;

/// <summary>One way into a server. One instance takes any number of requests at once.</summary>
public interface IDoor : IAsyncDisposable
{
    /// <summary><c>grpc</c>, <c>http</c>, or a peer's name.</summary>
    string Name { get; }

    /// <summary>What it serves. <exception cref="LoadTestException">It cannot be reached, or refuses.</exception></summary>
    Task<ServedModel> DescribeAsync(CancellationToken cancellation);

    /// <summary>Sends a request and reads its answer to the end. What goes wrong is a status, not an exception.</summary>
    /// <param name="arrivals">Told of every token as it arrives.</param>
    /// <exception cref="OperationCanceledException">By <paramref name="cancellation"/>.</exception>
    Task<DoorAnswer> GenerateAsync(DoorRequest request, TokenArrivals arrivals, CancellationToken cancellation);
}
