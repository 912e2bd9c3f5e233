using Btx.Model.Devices;

namespace Btx.Model.Tests.Devices;

public sealed class DeviceSpecTests
{
    [Theory]
    [InlineData("cpu", false, 0, "cpu")]
    [InlineData("cuda", true, 0, "cuda:0")]
    [InlineData("cuda:0", true, 0, "cuda:0")]
    [InlineData("cuda:7", true, 7, "cuda:7")]
    [InlineData("cuda:123", true, 123, "cuda:123")]
    public void Names_of_devices_are_read(string text, bool isCuda, int index, string shown)
    {
        var device = DeviceSpec.Parse(text);
        Assert.Equal(new DeviceSpec(isCuda, index), device);
        Assert.Equal(shown, device.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("CUDA")]
    [InlineData("cpu:0")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:+1")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:1 ")]
    [InlineData("cuda:x")]
    [InlineData("cuda:1000")]
    [InlineData("cuda:99999999999999999999")]
    [InlineData("cuda:٣")]
    public void Anything_else_is_refused_with_the_choices(string text)
    {
        var message = Assert.Throws<BtxException>(() => DeviceSpec.Parse(text)).Message;
        Assert.Contains(text, message, StringComparison.Ordinal);
        Assert.Contains("cuda:n", message, StringComparison.Ordinal);
    }
}
