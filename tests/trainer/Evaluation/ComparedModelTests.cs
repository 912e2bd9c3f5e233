using Btx.Model;
using Btx.Trainer.Evaluation;

namespace Btx.Trainer.Tests.Evaluation;

public sealed class ComparedModelTests
{
    [Fact]
    public void A_name_and_a_directory_that_may_hold_an_equals_sign() =>
        Assert.Equal([new ComparedModel("continued", "runs/lr=1e-3"), new("up.cycled-2", "u")],
        ComparedModel.Parse(["continued=runs/lr=1e-3", "up.cycled-2=u"]));

    [Theory]
    [InlineData("continued", "NAME=DIR")]
    [InlineData("continued=", "NAME=DIR")]
    [InlineData("=dir", "\"\"")]
    [InlineData("Upper=dir", "\"Upper\"")]
    [InlineData("a:b=dir", "\"a:b\"")]
    [InlineData("top_2=dir", "name of a mode")]
    [InlineData("moe=dir", "name of a mode")]
    [InlineData("seed=dir", "name of a mode")]
    [InlineData("ensemble=dir", "name of a mode")]
    public void Anything_else_is_refused(string text, string named)
    {
        var message = Assert.Throws<BtxException>(() => ComparedModel.Parse([text])).Message;
        Assert.StartsWith($"--model {text}: ", message, StringComparison.Ordinal);
        Assert.Contains(named, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_models_of_one_name_are_refused() =>
        Assert.Contains("given twice", Assert.Throws<BtxException>(() => ComparedModel.Parse(["a=x", "b=x", "a=y"])).Message,
        StringComparison.Ordinal);
}
