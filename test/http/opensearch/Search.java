/* Search.java: starts an OpenSearch node within this process, with settings from the command line as name=value. */
import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

class Search extends Node
{
	Search(Environment environment)
	{
		super(environment, List.of(Netty4Plugin.class), false);
	}

	public static void main(String[] arguments) throws Exception
	{
		Settings.Builder settings = Settings.builder();

		for (String argument : arguments)
			settings.put(argument.substring(0, argument.indexOf('=')), argument.substring(argument.indexOf('=') + 1));
		new Search(InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), null, () -> "connkit")).start();
		Thread.currentThread().join();
	}
}
