namespace Btx.Trainer.Tests.Phases;

/// <summary><c>bench-train</c> as a user runs it.</summary>
public sealed class BenchTrainVerbTests
{
    [Theory]
    [InlineData("0")]
    [InlineData("1")]
    [InlineData("-2")]
    public async Task A_mixture_of_fewer_than_two_experts_is_refused_and_not_taken_for_a_dense_model(string experts)
    {
        var (code, output, errors) = await TinyWorld.RunAsync(["bench-train", "--mixture", experts]);
        Assert.Equal((1, "", $"error: --mixture {experts}: expected 2 or more experts; without the flag a dense model is timed\n"),
            (code, output, errors));
    }
}
