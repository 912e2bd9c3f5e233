namespace Btx.Forest.Tests;

public sealed class EventFeedTests
{
    [Fact]
    public async Task A_cancellation_throws_and_the_end_of_the_feed_ends()
    {
        var feed = new EventFeed(TimeProvider.System, new());
        using var stop = new CancellationTokenSource();
        await using var cancelled = feed.Watch(stop.Token).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        await using var ended = feed.Watch(CancellationToken.None).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        var (first, second) = (cancelled.MoveNextAsync().AsTask(), ended.MoveNextAsync().AsTask());
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        feed.Close();
        Assert.False(await second);
    }
}
