using Btx.Model;
using Btx.Server.Lifetime;

namespace Btx.Server.Tests.Lifetime;

/// <summary>The hidden option that fails a change on purpose.</summary>
public sealed class FaultPointsTests
{
    private static readonly string[] Known = ["commit:written", "change:built"];

    [Fact]
    public void Each_happens_once_and_at_its_point_only()
    {
        var reach = new FaultPoints(["commit:written=throw", "commit:written=full", "change:built=sleep:0"], Known).Hook!;
        reach("begin:written");
        reach("change:built");
        Assert.Equal("fault point commit:written", Assert.Throws<IOException>(() => reach("commit:written")).Message);
        var full = Assert.Throws<IOException>(() => reach("commit:written"));
        Assert.Equal(("No space left on device", 28), (full.Message, full.HResult));
        reach("commit:written");
    }

    [Fact]
    public async Task A_hold_waits_for_its_file()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("btx-hold-").FullName, "go");
        var held = Task.Run(() => new FaultPoints([$"change:built=hold:{file}"], Known).Hook!("change:built"),
            TestContext.Current.CancellationToken);
        Assert.False(held.IsCompleted);
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        await held;
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Theory]
    [InlineData("change:boilt=exit", "there is no point \"change:boilt\"; there are commit:written, change:built")]
    [InlineData("change:built", "expected change:built=exit, throw, full, sleep:MILLISECONDS or hold:FILE")]
    [InlineData("change:built=sleep:soon", "expected change:built=exit")]
    [InlineData("change:built=hold:", "expected change:built=exit")]
    public void What_cannot_be_read_is_refused(string flag, string message) =>
    Assert.Contains(message, Assert.Throws<BtxException>(() => new FaultPoints([flag], Known)).Message, StringComparison.Ordinal);

    [Fact]
    public void Without_a_flag_there_is_nothing_to_call() => Assert.Null(new FaultPoints([], Known).Hook);
}
