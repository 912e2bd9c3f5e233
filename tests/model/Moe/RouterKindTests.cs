using Btx.Model.Moe;

namespace Btx.Model.Tests.Moe;

public sealed class RouterKindTests
{
    [Theory]
    [InlineData(RouterKind.TopK, 3)]
    [InlineData(RouterKind.Switch, 1)]
    [InlineData(RouterKind.SampleTop1, 1)]
    [InlineData(RouterKind.Soft, 8)]
    public void Experts_per_token_at_inference(string kind, int expected)
    {
        Assert.Contains(kind, RouterKind.Names);
        Assert.Equal(expected, RouterKind.ExpertsPerToken(kind, 3, 8));
    }
}
