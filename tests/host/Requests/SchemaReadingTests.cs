using System.Text.Json;
using Btx.Engine;
using Btx.Engine.Grammars;
using Btx.Model;
using Btx.Server.Requests;

namespace Btx.Server.Tests.Requests;

/// <summary>Many new schemas at once: each costs up to a second of a processor, and the rest of the server goes on.</summary>
public sealed class SchemaReadingTests
{
    [Fact]
    public async Task Few_schemas_are_compiled_at_a_time_off_the_pool_and_no_more_wait_than_may()
    {
        using var go = new ManualResetEventSlim();
        var (now, most, onPool) = (0, 0, 0);
        Task<int> Read(int number) => SchemaReading.ReadAsync(() =>
        {
            _ = OutputGrammar.FromSchema(New(number));
            most = Math.Max(most, Interlocked.Increment(ref now));
            if (Thread.CurrentThread.IsThreadPoolThread) onPool++;
            go.Wait();
            Interlocked.Decrement(ref now);
            return number;
        }, () => { }, CancellationToken.None);
        var taken = new List<Task<int>>();
        var refused = default(RequestRejectedException);
        for (var i = 0; refused is null && i < 1000; i++)
        {
            var reading = Read(i);
            if (reading.IsFaulted) refused = await Assert.ThrowsAsync<RequestRejectedException>(() => reading);
            else taken.Add(reading);
        }

        go.Set();
        Assert.Equal(Enumerable.Range(0, taken.Count), await Task.WhenAll(taken));
        Assert.Equal(ErrorKind.Busy, refused!.Kind);
        Assert.InRange(taken.Count, 1, 64);
        Assert.InRange(most, 1, Math.Max(1, Environment.ProcessorCount / 2));
        Assert.Equal(0, onPool);
    }

    [Fact]
    public async Task A_schema_that_is_known_is_read_at_once_and_so_is_why_another_was_refused()
    {
        var (good, bad) = (New(-1), JsonElement.Parse("""{"type":"string","x-refused":1}"""));
        Assert.False(OutputGrammar.TryMake(() => OutputGrammar.FromSchema(good), out _));
        var grammar = await SchemaReading.ReadAsync(() => OutputGrammar.FromSchema(good), () => { }, CancellationToken.None);
        Assert.True(OutputGrammar.TryMake(() => OutputGrammar.FromSchema(good), out var known));
        Assert.Same(grammar, known);
        var first = await Assert.ThrowsAsync<RequestRejectedException>(() =>
            SchemaReading.ReadAsync(() => OutputGrammar.FromSchema(bad), () => { }, CancellationToken.None));
        var again = Assert.Throws<RequestRejectedException>(() => OutputGrammar.TryMake(() => OutputGrammar.FromSchema(bad), out _));
        Assert.Equal(first.Problem, again.Problem);
        Assert.StartsWith("tools", Assert.Throws<RequestRejectedException>(() => OutputGrammar.FromSchema(bad, "tools")).Message,
            StringComparison.Ordinal);
    }

    private static JsonElement New(int number) =>
        JsonElement.Parse($$"""{"const":"schema {{number}} of {{nameof(SchemaReadingTests)}}"}""");
}
